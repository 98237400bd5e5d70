package commands

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openAny opens a file without waiting for the other end of a pipe.
//
// What is in /dev/fd is what this process has open, whoever looks: no path may lead there. So the
// links are followed by their text first, and then none is any more, in case somebody has put one there
// meanwhile.
func openAny(path string) (*os.File, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file
	}
	if target, err = filepath.Abs(target); err != nil {
		return nil, err //nolint:wrapcheck // says what failed
	}
	if inDev(target) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	}
	const noLinks = 0x20000000 // O_NOFOLLOW_ANY, since macOS 11
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC | noLinks
	fd, err := unix.Open(target, flags, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(target, flags, 0)
	}
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	case err != nil:
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// inDev tells whether a path is below /dev, however that is written: names differ by more than case here.
func inDev(path string) bool {
	dev, err := os.Stat("/dev")
	if err != nil {
		return true // it cannot be known
	}
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && os.SameFile(info, dev) {
			return true
		}
	}
	return false
}

// isDevice tells whether a file could not be opened because it is no ordinary one.
func isDevice(err error) bool {
	return errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EISDIR)
}
