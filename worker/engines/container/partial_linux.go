package container

import (
	"os"

	"golang.org/x/sys/unix"
)

// partial tells whether a file of an overlay has its text in a layer below: where it does, it says so.
func partial(file *os.File) bool {
	_, err := unix.Fgetxattr(int(file.Fd()), "trusted.overlay.metacopy", nil)
	return err == nil
}
