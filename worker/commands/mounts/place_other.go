//go:build !linux

package mounts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// directory is known by its path, in which there is no symbolic link. The task is the worker's own user
// here: it may put something else there, which is no more than it may do anywhere.
type directory struct{ name string }

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
	path, err = filepath.EvalSymlinks(path)
	return &directory{path}, made, err
}
