package hostfacts

import (
	"fmt"
	"strings"
	"time"
)

// BootID names this boot of the system: it stays until the system boots again. It is not secret.
func BootID() (string, error) {
	id, err := bootID()
	if err != nil {
		return "", fmt.Errorf("host facts: boot ID: %w", err)
	}
	id = strings.TrimSpace(id)
	if id == "" {
		return "", fmt.Errorf("host facts: boot ID: %w", ErrUnknown)
	}
	return id, nil
}

// bootIDOf makes the ID where the system has none. It is to the minute: the time is worked out
// from two clocks and is not always the same to the second.
func bootIDOf(boot time.Time) string {
	return "boot-" + boot.UTC().Round(time.Minute).Format("20060102T1504Z")
}
