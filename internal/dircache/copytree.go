package dircache

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/workerkit/workerkit/internal/clone"
)

// copyTree makes dst a copy of the directory src: files, folders and symbolic links, with their
// modes and times. Other things are left out: no cache has a use for them.
func copyTree(ctx context.Context, dst, src string) error {
	type folder struct {
		path string
		mode fs.FileMode
		time time.Time
	}
	var folders []folder // which get their modes and times when they are full
	err := filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(dst, rel)
		switch {
		case d.IsDir():
			folders = append(folders, folder{to, info.Mode().Perm(), info.ModTime()})
			return os.Mkdir(to, 0o700)
		case d.Type() == fs.ModeSymlink:
			return copyLink(to, path)
		case d.Type().IsRegular():
			return copyFile(to, path, info)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range slices.Backward(folders) {
		if err := finish(f.path, f.mode, f.time); err != nil {
			return err
		}
	}
	return nil
}

func copyLink(to, from string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	return os.Symlink(target, to)
}

func copyFile(to, from string, info fs.FileInfo) error {
	if err := clone.Copy(to, from); err != nil {
		return err
	}
	return finish(to, info.Mode().Perm(), info.ModTime())
}

func finish(path string, mode fs.FileMode, changed time.Time) error {
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	return os.Chtimes(path, changed, changed)
}
