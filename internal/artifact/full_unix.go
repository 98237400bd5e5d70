//go:build unix

package artifact

import (
	"errors"
	"syscall"
)

// isFull tells whether a disk, or a quota on it, is used up.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
