//go:build unix

package fetch

import (
	"errors"
	"syscall"
)

// full tells whether a write failed because there is no space.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
