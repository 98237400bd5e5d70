//go:build !linux

package container

import "syscall"

// early is for Linux; elsewhere the address must be there.
func early(_, _ string, _ syscall.RawConn) error { return nil }
