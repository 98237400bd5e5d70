package mounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// searching opens a directory that perhaps cannot be listed.
const searching = unix.O_PATH

// special tells whether a directory is of /proc, where links lead past the permissions of directories.
func special(fd int) bool {
	var system unix.Statfs_t
	return unix.Fstatfs(fd, &system) != nil || system.Type == unix.PROC_SUPER_MAGIC
}

// enterPath opens a directory, and makes it and those above it where they are missing.
func enterPath(path string) (dir *os.File, made []string, err error) {
	dir, err = enter(unix.AT_FDCWD, path, path, 0)
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // Linux before 5.6, or a container's old filter
		return walk(path)
	case !errors.Is(err, fs.ErrNotExist):
		return dir, nil, err
	}
	above, made, err := enterPath(filepath.Dir(path))
	if err != nil {
		return nil, made, err
	}
	defer above.Close()
	const usual = 0o755
	name := filepath.Base(path)
	if err := unix.Mkdirat(int(above.Fd()), name, usual); err != nil {
		return nil, made, &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	dir, err = enter(int(above.Fd()), name, path, unix.O_NOFOLLOW)
	return dir, append(made, path), err
}

// enter opens a directory. A link in /proc that leads straight to what a process has open is not
// followed: it leads past the permissions of the directories on the way.
func enter(at int, name, path string, flags uint64) (*os.File, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(at, name, &how)
	for errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		fd, err = unix.Openat2(at, name, &how)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// again is a path of an open directory, whatever has become of its name.
func again(dir *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", dir.Fd()) }
