package commands

import (
	"os"

	"golang.org/x/sys/unix"
)

// widen makes the pipe hold more, so that a task that prints much is woken less often. A
// system that refuses leaves it as it is.
func widen(pipe *os.File) {
	if raw, err := pipe.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
	}
}
