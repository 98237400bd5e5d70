//go:build !linux

package mounts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// directory is known by its path, and by what was there when it was found: the task may put something else
// there.
type directory struct {
	name string
	info fs.FileInfo
}

// moved tells whether something else is there now. It says so for good when no process of the task is left.
func (d *directory) moved() bool {
	info, err := inspect(d.name)
	return err != nil || !os.SameFile(d.info, info)
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

func (d *directory) path() string { return d.name }

// file is nil: nothing can be mounted here.
func (*directory) file() *os.File { return nil }

// Close does nothing.
func (*directory) Close() error { return nil }

// openDir finds a directory, and makes it and those above it where they are missing.
func openDir(path string) (dir *directory, made []string, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, made, err = openDir(filepath.Dir(path)); err != nil {
			return nil, made, err
		}
		const usual = 0o755
		if err := os.Mkdir(path, usual); err != nil {
			return nil, made, err
		}
		made = append(made, path)
		info, err = os.Stat(path)
	}
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a directory")}
	}
	if err != nil {
		return nil, made, err
	}
	if path, err = filepath.EvalSymlinks(path); err == nil {
		info, err = inspect(path)
	}
	return &directory{path, info}, made, err
}
