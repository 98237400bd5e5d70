package commands

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// openAny opens a file without waiting for the other end of a pipe.
//
// A link in /proc leads straight to what a process has open, past the directories in which it is,
// and so past their permissions: the worker's own folder, or another task's. The system is told not
// to follow such a link.
func openAny(path string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	how := unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	for errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		fd, err = unix.Openat2(unix.AT_FDCWD, path, &how)
	}
	switch {
	case err == nil && ofProcess(fd):
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.Join(fs.ErrPermission, unix.Close(fd))}
	case err == nil:
		return os.NewFile(uintptr(fd), path), nil
	case errors.Is(err, unix.ELOOP):
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	case errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM): // Linux before 5.6, or a container's old filter
		return openOld(path, flags)
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: err}
}

// ofProcess tells whether an open file is what /proc says of a process. The task's have ended, so it
// is another one's: this one's above all, to which the system lets it look whatever its rights are.
func ofProcess(fd int) bool {
	var system unix.Statfs_t
	if unix.Fstatfs(fd, &system) != nil || system.Type != unix.PROC_SUPER_MAGIC {
		return false
	}
	name, err := os.Readlink("/proc/thread-self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return true // it cannot be known
	}
	for part := range strings.SplitSeq(name, "/") {
		if _, err := strconv.ParseUint(part, 10, 32); err == nil {
			return true
		}
	}
	return false
}

// openOld goes by the text of the links, so that each directory on the way is entered.
func openOld(path string, flags int) (*os.File, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file
	}
	if target, err = filepath.Abs(target); err != nil {
		return nil, err //nolint:wrapcheck // says what failed
	}
	return openThere(target, flags)
}

// openThere opens a file whose path has no links. Somebody may have put one there meanwhile: what is not
// opened at that path is not what was asked for.
func openThere(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, flags|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file
	}
	at, err := os.Readlink("/proc/thread-self/fd/" + strconv.Itoa(int(file.Fd())))
	if err != nil || at != path || ofProcess(int(file.Fd())) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.Join(fs.ErrPermission, file.Close())}
	}
	return file, nil
}

// isDevice tells whether a file could not be opened because it is no ordinary one.
func isDevice(err error) bool {
	return errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EISDIR)
}
