//go:build !linux && !windows

package resourcemonitor

import "errors"

// readMemory does not know how to ask this system.
func readMemory() (memory, error) {
	return memory{}, errors.New("resourcemonitor: not known on this system")
}
