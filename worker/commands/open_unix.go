//go:build unix

package commands

import (
	"errors"
	"syscall"
)

// nonBlocking keeps the opening of a pipe from waiting for its other end.
const nonBlocking = syscall.O_NONBLOCK

// isDevice tells whether a file could not be opened because it is no ordinary one.
func isDevice(err error) bool {
	return errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.EISDIR)
}
