//go:build unix

package replace

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// take locks the file, and makes it where it is not there. The file goes when the lock does.
func take(path string) (release func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(file, path); err != nil {
		_ = file.Close() // the first error counts
		return nil, err
	}
	return func() error { return errors.Join(os.Remove(path), file.Close()) }, nil
}

func lock(file *os.File, path string) error {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return errTaken
	}
	if err != nil {
		return &os.PathError{Op: "flock", Path: path, Err: err}
	}
	// Whoever had the lock may have removed the file between our opening and locking it.
	ours, err := file.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(ours, there) {
		return errTaken
	}
	return nil
}
