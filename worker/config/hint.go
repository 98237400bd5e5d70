package config

import (
	"fmt"
	"strings"
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
	best, least := "", len(key)/3+1
	for _, name := range names {
		if d := distance(strings.ToLower(key), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (is %q meant?)", best)
}

// distance is the number of letters to insert, delete or change to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
