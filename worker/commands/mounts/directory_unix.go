//go:build unix

package mounts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// directory is an open one: nothing that becomes of its name matters.
type directory struct {
	open *os.File
	root *os.Root // the same one
	path string   // where it was
}

// hold takes hold of a directory with the rights of this process: of that which the task has opened, and of no
// other that may have come in its place.
func hold(w Way) (*directory, error) {
	if w.Dir == nil {
		return nil, errors.New("no directory was opened")
	}
	return holdAt(w, again(w.Dir))
}

// holdAt looks for it at a path.
func holdAt(w Way, path string) (*directory, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, errors.Join(err, w.Dir.Close())
	}
	have, err := w.Dir.Stat()
	var found fs.FileInfo
	if err == nil {
		found, err = root.Stat(".")
	}
	if err == nil && !os.SameFile(have, found) {
		err = &fs.PathError{Op: "open", Path: w.Path, Err: unix.ESTALE}
	}
	if err != nil {
		return nil, errors.Join(err, root.Close(), w.Dir.Close())
	}
	return &directory{w.Dir, root, w.Path}, nil
}

// Close lets it go.
func (d *directory) Close() error { return errors.Join(d.root.Close(), d.open.Close()) }

// moved is false: whatever has become of its name, it is the directory.
func (*directory) moved() bool { return false }

// file is for what needs the directory itself.
func (d *directory) file() *os.File { return d.open }

// in calls fn with the directory.
func (d *directory) in(fn func(*os.Root) error) error { return fn(d.root) }

// take moves what is at a path to a name in the directory, and give the other way. Neither follows a link there.
func (d *directory) take(from, name string) error {
	return renamed(from, name, unix.Renameat(unix.AT_FDCWD, from, int(d.open.Fd()), name))
}

func (d *directory) give(name, to string) error {
	return renamed(name, to, unix.Renameat(int(d.open.Fd()), name, unix.AT_FDCWD, to))
}

func renamed(from, to string, err error) error {
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// Reserve makes the way to an absolute path, and an empty folder or file there, with the rights of the caller;
// see Hands.
func Reserve(path string, folder bool) (Way, error) {
	dir, made, err := enterPath(filepath.Dir(path))
	if err != nil {
		return Way{Made: made}, err
	}
	w := Way{Dir: dir, Path: dir.Name(), Made: made}
	if err := keepAt(int(dir.Fd()), filepath.Base(path), folder); err != nil {
		return Way{Made: made}, errors.Join(err, dir.Close())
	}
	return w, nil
}

// keepAt makes an empty folder or file, where there is nothing but an empty folder.
func keepAt(dir int, name string, folder bool) error {
	fail := func(err error) error { return &fs.PathError{Op: "make", Path: name, Err: err} }
	switch err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); {
	case err == nil, errors.Is(err, unix.ENOENT):
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
		return fail(err)
	default: // it is a file or a link, full, or mounted
		return ErrTaken
	}
	const ownerOnly = 0o700
	if folder {
		if err := unix.Mkdirat(dir, name, ownerOnly); err != nil {
			return fail(err)
		}
		return nil
	}
	fd, err := openAt(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, ownerOnly)
	if err != nil {
		return fail(err)
	}
	return unix.Close(fd) //nolint:wrapcheck // it does not fail
}
