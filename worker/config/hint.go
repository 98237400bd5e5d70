package config

import (
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/internal/nearest"
)

// removed says what became of keys that the public program once had.
func removed(key string) string {
	switch strings.ToLower(key) {
	case "deploymentid", "checkfornewdeploymenteverysecs":
		return "worker-manager decides when a worker ends"
	case "runtasksascurrentuser":
		return "tasks ask with the feature runTaskAsCurrentUser"
	case "containerengine":
		return "there is no such choice any more"
	case "enabled2g":
		return "it is d2gConfig.enableD2G now"
	default:
		return ""
	}
}

// hint says what may be meant by an unknown key.
func hint(key string, names []string) string {
	if was := removed(key); was != "" {
		return " (removed: " + was + ")"
	}
	if name, found := nearest.Name(key, names); found {
		return fmt.Sprintf(" (is %q meant?)", name)
	}
	return ""
}
