package container

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// early lets a socket have an address that is no interface's yet.
func early(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_FREEBIND, 1) })
	if err != nil {
		return err //nolint:wrapcheck // of a closed socket
	}
	return set //nolint:wrapcheck // says what it is
}
