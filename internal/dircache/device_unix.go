//go:build unix

package dircache

import (
	"errors"

	"golang.org/x/sys/unix"
)

// isCrossDevice tells that a rename failed as the places are on two file systems.
func isCrossDevice(err error) bool { return errors.Is(err, unix.EXDEV) }
