package clone

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// whole makes dst, which is not there yet, share the blocks of src until one of them is written. It
// is an error where the file system cannot, and there is no dst then.
func whole(dst, src string) error {
	if err := unix.Clonefile(src, dst, 0); err != nil {
		return err
	}
	if err := os.Chmod(dst, 0o600); err != nil {
		return errors.Join(err, os.Remove(dst))
	}
	return nil
}
