package fetch

import (
	"errors"

	"golang.org/x/sys/windows"
)

// full tells whether a write failed because there is no space.
func full(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}
