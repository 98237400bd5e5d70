package mounts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// directory is known by its path, and by what was there when it was found: the task may put something else
// there. Held open it could not be renamed or removed by the task, whose it is.
type directory struct {
	path string
	info fs.FileInfo
}

// hold remembers what is at the path.
func hold(w Way) (*directory, error) {
	info, err := inspect(w.Path)
	return &directory{w.Path, info}, err
}

// inspect looks at a directory itself that is open: elsewhere its path might be looked at again later.
func inspect(path string) (fs.FileInfo, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := dir.Stat()
	return info, errors.Join(err, dir.Close())
}

// moved tells whether something else is there now. It says so for good when no process of the task is left.
func (d *directory) moved() bool {
	info, err := inspect(d.path)
	return err != nil || !os.SameFile(d.info, info)
}

// file is nil: nothing can be mounted here.
func (*directory) file() *os.File { return nil }

// Close does nothing.
func (*directory) Close() error { return nil }

// in calls fn with the directory.
func (d *directory) in(fn func(*os.Root) error) error {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return err
	}
	return errors.Join(fn(root), root.Close())
}

// take moves what is at a path to a name in the directory, and give the other way.
func (d *directory) take(from, name string) error {
	return os.Rename(from, filepath.Join(d.path, name))
}

func (d *directory) give(name, to string) error { return os.Rename(filepath.Join(d.path, name), to) }

// Reserve makes the way to an absolute path, and an empty folder or file there, with the rights of the caller;
// see Hands.
func Reserve(path string, folder bool) (Way, error) {
	dir, made, err := enterPath(filepath.Dir(path))
	if err == nil {
		err = keepAt(filepath.Join(dir, filepath.Base(path)), folder)
	}
	return Way{Path: dir, Made: made}, err
}

// enterPath finds a directory, and makes it and those above it where they are missing.
func enterPath(path string) (dir string, made []string, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, made, err = enterPath(filepath.Dir(path)); err != nil {
			return "", made, err
		}
		const usual = 0o755
		if err := os.Mkdir(path, usual); err != nil {
			return "", made, err
		}
		made = append(made, path)
		info, err = os.Stat(path)
	}
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a directory")}
	}
	if err != nil {
		return "", made, err
	}
	dir, err = filepath.EvalSymlinks(path)
	return dir, made, err
}

// keepAt makes an empty folder or file, where there is nothing but an empty folder.
func keepAt(path string, folder bool) error {
	if info, err := os.Lstat(path); err == nil {
		if !info.IsDir() {
			return ErrTaken
		}
		if err := os.Remove(path); err != nil { // only an empty one
			if errors.Is(err, fs.ErrPermission) {
				return err
			}
			return ErrTaken
		}
	}
	return keep(path, folder)
}
