package mounts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/internal/rmtree"
)

// errOtherDevice means that something cannot be moved, but only copied.
var errOtherDevice = errors.New("it is on another file system")

// lodge moves a folder or file to a place that is kept for it.
func lodge(from string, p *place) error {
	info, err := os.Lstat(from)
	if err != nil {
		return fmt.Errorf("move: %w", err)
	}
	if mode, ok := opened(info); ok {
		if err := os.Chmod(from, mode); err != nil { // a folder, as was seen
			return fmt.Errorf("move: %w", err)
		}
	}
	err = p.dir.in(func(dir *os.Root) error {
		if err := dir.Remove(p.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err := p.dir.take(from, p.name)
		if isOtherDevice(err) {
			err = errors.Join(errOtherDevice, put(dir, p.name, info.IsDir()))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("move %s: %w", from, err)
	}
	return nil
}

// opened is the mode that a folder must have, else its own owner may not move it; ok says that it has another one.
func opened(info fs.FileInfo) (mode fs.FileMode, ok bool) {
	const owner = 0o700
	mode = info.Mode().Perm()
	return mode | owner, info.IsDir() && mode&owner != owner
}

// keep makes an empty folder or file.
func keep(path string, folder bool) error {
	return inFolder(path, func(dir *os.Root, name string) error { return put(dir, name, folder) })
}

// inFolder calls fn with the folder that a path is in, and its name there.
func inFolder(path string, fn func(dir *os.Root, name string) error) error {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(fn(dir, filepath.Base(path)), dir.Close())
}

// move is lodge, also to another file system.
func move(ctx context.Context, from string, p *place) error {
	err := lodge(from, p)
	if !errors.Is(err, errOtherDevice) {
		return err
	}
	err = p.dir.in(func(to *os.Root) error {
		if err := to.Remove(p.name); err != nil {
			return err
		}
		return inFolder(from, func(dir *os.Root, name string) error { return copyTree(ctx, dir, name, to, p.name) })
	})
	if err != nil {
		return fmt.Errorf("copy %s to another file system: %w", from, err)
	}
	return rmtree.Remove(from) //nolint:wrapcheck // says what failed
}

// fetch moves what is at a place back to a path where there is nothing, also on another file system.
func fetch(ctx context.Context, p *place, info fs.FileInfo, to string) error {
	return p.dir.in(func(dir *os.Root) error {
		if mode, ok := opened(info); ok {
			if err := dir.Chmod(p.name, mode); err != nil {
				return fmt.Errorf("move: %w", err)
			}
		}
		err := p.dir.give(p.name, to)
		if !isOtherDevice(err) {
			if err != nil {
				return fmt.Errorf("move to %s: %w", to, err)
			}
			return nil
		}
		err = inFolder(to, func(root *os.Root, name string) error { return copyTree(ctx, dir, p.name, root, name) })
		if err != nil {
			return fmt.Errorf("copy to %s on another file system: %w", to, err)
		}
		return rmtree.RemoveIn(dir, p.name) //nolint:wrapcheck // says what failed
	})
}

// takeBack moves what is at a place back to source, if it is what a mount may be and the task's to give. What
// the task has put there in its stead is removed and never followed; then source is empty.
func (s *Set) takeBack(ctx context.Context, source string, p *place, folder bool) error {
	info, err := p.look()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take a mount back: %w", err)
	}
	if err == nil && info.IsDir() == folder && (folder || info.Mode().IsRegular()) && s.owns(info) {
		if err = rmtree.Remove(source); err == nil { // there is nothing, unless what was mounted was a copy
			err = fetch(ctx, p, info, source)
		}
		return err //nolint:wrapcheck // says what failed
	}
	if err == nil {
		s.remove(ctx, p)
	}
	return errors.Join(rmtree.Remove(source), keep(source, folder))
}

// owns tells whether what is at a place is the task's: it could have moved there what it may not touch.
func (s *Set) owns(info fs.FileInfo) bool {
	return s.User == nil || s.shared || ownerOf(info).uid == s.User.UID
}
