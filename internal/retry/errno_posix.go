//go:build !windows

package retry

import "syscall"

const (
	refused     = syscall.ECONNREFUSED
	unreachable = syscall.ENETUNREACH
)
