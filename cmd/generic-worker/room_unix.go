//go:build unix

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// room fails when there is less free space than wanted, in bytes.
func room(dir string, wanted uint64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	free := uint64(s.Bavail) * uint64(s.Bsize) //nolint:gosec,unconvert // the types differ between systems
	return enough(dir, free, wanted)
}
