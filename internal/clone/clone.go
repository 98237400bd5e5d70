// Package clone makes independent copies of files, in constant time where the file system can.
package clone

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Copy makes dst, which must not be there, an independent copy of the file src. It has mode 0600.
// After an error there is no dst.
func Copy(dst, src string) (err error) {
	info, err := os.Stat(src)
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() && whole(dst, src) == nil {
		return nil
	}
	from, err := os.Open(src)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = CopyFile(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		_ = os.Remove(dst) // the first error counts
	}
	return err
}

// CopyFile makes the content of dst, which must be empty and open for writing, an independent copy
// of all of src.
func CopyFile(dst, src *os.File) error {
	if reflink(dst, src) == nil {
		return nil
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("copy %s: %w", src.Name(), err)
	}
	if _, err := dst.ReadFrom(src); err != nil {
		return fmt.Errorf("copy %s to %s: %w", src.Name(), dst.Name(), err)
	}
	return nil
}
