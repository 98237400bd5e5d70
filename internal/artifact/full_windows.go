package artifact

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isFull tells whether a disk is used up.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
