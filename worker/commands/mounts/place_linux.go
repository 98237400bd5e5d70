package mounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// directory is an open one.
type directory struct{ *os.File }

// path leads to the directory whatever has become of its name.
func (d *directory) path() string { return fmt.Sprintf("/proc/self/fd/%d", d.Fd()) }

// moved is false: whatever has become of its name, it is the directory.
func (*directory) moved() bool { return false }

// file is for what needs the directory itself.
func (d *directory) file() *os.File { return d.File }

// openDir opens a directory, and makes it and those above it where they are missing.
func openDir(path string) (dir *directory, made []string, err error) {
	dir, err = enter(unix.AT_FDCWD, path, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return dir, nil, err
	}
	above, made, err := openDir(filepath.Dir(path))
	if err != nil {
		return nil, made, err
	}
	defer above.Close()
	const usual = 0o755
	name := filepath.Base(path)
	if err := unix.Mkdirat(int(above.Fd()), name, usual); err != nil {
		return nil, made, &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	dir, err = enter(int(above.Fd()), name, unix.O_NOFOLLOW)
	return dir, append(made, path), err
}

// enter opens a directory. A link in /proc that leads straight to what a process has open is not
// followed: it leads past the permissions of the directories on the way.
func enter(at int, path string, flags uint64) (*directory, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(at, path, &how)
	for errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		fd, err = unix.Openat2(at, path, &how)
	}
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // Linux before 5.6, or a container's old filter
		fd, err = enterOld(at, path, int(flags)) //nolint:gosec // a flag
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &directory{os.NewFile(uintptr(fd), path)}, nil
}

// enterOld goes by the text of the links, so that each directory on the way is entered.
func enterOld(at int, path string, flags int) (int, error) {
	if at == unix.AT_FDCWD {
		var err error
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return -1, err
		}
	}
	return unix.Openat(at, path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW|flags, 0)
}
