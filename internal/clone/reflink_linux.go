package clone

import (
	"os"

	"golang.org/x/sys/unix"
)

// reflink makes dst share the blocks of src until one of them is written. It is an error where
// the file system cannot, and dst is as it was.
func reflink(dst, src *os.File) error {
	to, err := dst.SyscallConn()
	if err != nil {
		return err
	}
	from, err := src.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = to.Control(func(to uintptr) {
		inner := from.Control(func(from uintptr) { failed = unix.IoctlFileClone(int(to), int(from)) })
		if failed == nil {
			failed = inner
		}
	})
	if failed != nil {
		return failed
	}
	return err
}
