//go:build unix && !linux && !darwin

package commands

import (
	"errors"
	"os"
	"syscall"
)

// openAny opens a file without waiting for the other end of a pipe.
func openAny(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0) //nolint:wrapcheck // names the file
}

// isDevice tells whether a file could not be opened because it is no ordinary one.
func isDevice(err error) bool {
	return errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.EISDIR)
}
