package config

import (
	"fmt"

	"github.com/workerkit/workerkit/internal/nearest"
)

// hint says what may be meant by an unknown key.
func hint(key string, names []string) string {
	if name, found := nearest.Name(key, names); found {
		return fmt.Sprintf(" (is %q meant?)", name)
	}
	return ""
}
