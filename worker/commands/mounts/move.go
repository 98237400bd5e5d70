package mounts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/internal/clone"
	"github.com/workerkit/workerkit/internal/rmtree"
)

// errOtherDevice means that something cannot be moved, but only copied.
var errOtherDevice = errors.New("it is on another file system")

// rename moves a folder or file to a place that is kept for it.
func rename(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return fmt.Errorf("move: %w", err)
	}
	const owner = 0o700
	if info.IsDir() && info.Mode().Perm()&owner != owner { // else its own owner may not move it
		if err := os.Chmod(from, info.Mode().Perm()|owner); err != nil { // a folder, as was seen
			return fmt.Errorf("move: %w", err)
		}
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move: %w", err)
	}
	err = os.Rename(from, to)
	if isOtherDevice(err) {
		err = errors.Join(errOtherDevice, keep(to, info.IsDir()))
	}
	if err != nil {
		return fmt.Errorf("move %s: %w", from, err)
	}
	return nil
}

// keep makes an empty folder or file.
func keep(path string, folder bool) error {
	const ownerOnly = 0o700
	if folder {
		return os.Mkdir(path, ownerOnly)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, ownerOnly)
	if err != nil {
		return err
	}
	return file.Close()
}

// move is rename, also to another file system.
func move(ctx context.Context, from, to string) error {
	err := rename(from, to)
	if !errors.Is(err, errOtherDevice) {
		return err
	}
	if err = os.Remove(to); err == nil {
		err = copyTree(ctx, from, to)
	}
	if err != nil {
		return fmt.Errorf("copy %s to another file system: %w", from, err)
	}
	return rmtree.Remove(from) //nolint:wrapcheck // says what failed
}

// copyTree copies a folder or file with what is below it. Devices and pipes are left out.
func copyTree(ctx context.Context, from, to string) error {
	type folder struct {
		path string
		info fs.FileInfo
	}
	var folders []folder // which get their permissions when they are full
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		dst := to + path[len(from):]
		switch {
		case d.IsDir():
			folders = append(folders, folder{dst, info})
			return keep(dst, true)
		case d.Type()&fs.ModeSymlink != 0:
			return copyLink(dst, path, info)
		case d.Type().IsRegular():
			if err := clone.Copy(dst, path); err != nil {
				return err
			}
			return like(dst, info)
		}
		return nil
	})
	for i := len(folders) - 1; i >= 0 && err == nil; i-- {
		err = like(folders[i].path, folders[i].info)
	}
	return err
}

func copyLink(dst, src string, info fs.FileInfo) error {
	target, err := os.Readlink(src)
	if err == nil {
		err = os.Symlink(target, dst)
	}
	if err != nil {
		return err
	}
	return ownedLike(dst, info)
}

// like gives a copy the owner, permissions and time of the original. The owner comes first, as it takes
// some permissions away.
func like(path string, info fs.FileInfo) error {
	return errors.Join(ownedLike(path, info), os.Chmod(path, info.Mode().Perm()), os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// takeBack moves what is at a place back to source, if it is what a mount may be and the task's to give. What
// the task has put there in its stead is removed and never followed; then source is empty.
func (s *Set) takeBack(ctx context.Context, source, place string, folder bool) error {
	info, err := os.Lstat(place)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take a mount back: %w", err)
	}
	if err == nil && info.IsDir() == folder && (folder || info.Mode().IsRegular()) && s.owns(info) {
		if err = rmtree.Remove(source); err == nil { // there is nothing, unless what was mounted was a copy
			err = keep(source, folder)
		}
		if err == nil {
			err = move(ctx, place, source)
		}
		return err //nolint:wrapcheck // says what failed
	}
	if err == nil {
		s.remove(place)
	}
	return errors.Join(rmtree.Remove(source), keep(source, folder))
}

// owns tells whether what is at a place is the task's: it could have moved there what it may not touch.
func (s *Set) owns(info fs.FileInfo) bool {
	return s.User == nil || s.shared || ownerOf(info).uid == s.User.UID
}
