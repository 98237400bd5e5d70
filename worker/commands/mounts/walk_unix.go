//go:build unix

package mounts

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mostLinks is how many symbolic links a path may lead through.
const mostLinks = 40

// walker goes to a directory one name at a time. The system itself follows no link for it, so there is
// nothing that changes meanwhile and could lead it past the rights of whoever walks.
type walker struct {
	at    int      // the open directory in which it is
	here  string   // its path, without links
	todo  []string // the names to go on with
	given int      // how many of them, the last ones, are of the path itself and may be made
	links int
	made  []string
}

// walk opens the directory at an absolute path, and makes it and those above it where they are missing.
func walk(path string) (dir *os.File, made []string, err error) {
	w := &walker{todo: names(path), at: -1}
	w.given = len(w.todo)
	err = w.reset()
	for err == nil && len(w.todo) > 0 {
		err = w.step()
	}
	if err != nil {
		if w.at >= 0 {
			err = errors.Join(err, unix.Close(w.at))
		}
		return nil, w.made, err
	}
	return os.NewFile(uintptr(w.at), w.here), w.made, nil
}

// names are the parts of a path.
func names(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" || name == "." })
}

// reset goes to the root.
func (w *walker) reset() error {
	fd, err := openAt(unix.AT_FDCWD, "/", searching|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return w.enter(fd, "/", err)
}

// enter makes an open directory the one in which the walker is.
func (w *walker) enter(fd int, name string, err error) error {
	if err == nil && special(fd) {
		err = errors.Join(unix.EACCES, unix.Close(fd))
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: path.Join(w.here, name), Err: err}
	}
	if w.at >= 0 {
		_ = unix.Close(w.at)
	}
	w.at, w.here = fd, path.Join(w.here, name)
	return nil
}

// step goes to the next name.
func (w *walker) step() error {
	const flags = searching | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	name := w.todo[0]
	fd, err := openAt(w.at, name, flags, 0)
	switch {
	case errors.Is(err, unix.ENOENT) && len(w.todo) <= w.given:
		const usual = 0o755
		if err := unix.Mkdirat(w.at, name, usual); err != nil {
			return &fs.PathError{Op: "mkdir", Path: path.Join(w.here, name), Err: err}
		}
		w.made = append(w.made, path.Join(w.here, name))
		fd, err = openAt(w.at, name, flags, 0)
	case err != nil:
		if target, ok := linkAt(w.at, name); ok {
			return w.follow(target)
		}
	}
	if err := w.enter(fd, name, err); err != nil {
		return err
	}
	w.pass()
	return nil
}

// pass leaves the next name behind.
func (w *walker) pass() {
	w.given = min(w.given, len(w.todo)-1)
	w.todo = w.todo[1:]
}

// follow goes on by the text of the link that is at the next name.
func (w *walker) follow(target string) error {
	if w.links++; w.links > mostLinks {
		return &fs.PathError{Op: "open", Path: path.Join(w.here, w.todo[0]), Err: unix.ELOOP}
	}
	w.pass()
	w.todo = append(names(target), w.todo...)
	if strings.HasPrefix(target, "/") {
		w.here = "/"
		return w.reset()
	}
	return nil
}

// linkAt is where a link leads.
func linkAt(at int, name string) (target string, ok bool) {
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(at, name, text)
	return string(text[:max(n, 0)]), err == nil && n < len(text)
}

// openAt is openat, begun anew after a signal.
func openAt(at int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(at, name, flags, mode)
		if !errors.Is(err, unix.EINTR) {
			return fd, err //nolint:wrapcheck // an errno
		}
	}
}
