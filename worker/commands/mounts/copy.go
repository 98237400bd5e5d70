package mounts

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"github.com/workerkit/workerkit/internal/clone"
	"github.com/workerkit/workerkit/internal/rootfs"
)

// copying copies what is in one folder to another one.
type copying struct{ from, to *os.Root }

// copyTree copies a folder or file with what is below it. Devices and pipes are left out.
func copyTree(ctx context.Context, from *os.Root, name string, to *os.Root, as string) error {
	type folder struct {
		path string
		info fs.FileInfo
	}
	c := copying{from, to}
	var folders []folder // which get their permissions when they are full
	err := fs.WalkDir(rootfs.FS(from), name, func(src string, d fs.DirEntry, err error) error {
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
		dst := path.Join(as, src[len(name):])
		switch {
		case d.IsDir():
			folders = append(folders, folder{dst, info})
			return put(to, dst, true)
		case d.Type()&fs.ModeSymlink != 0:
			return c.link(dst, src, info)
		case d.Type().IsRegular():
			return c.file(dst, src, info)
		}
		return nil
	})
	for i := len(folders) - 1; i >= 0 && err == nil; i-- {
		err = c.like(folders[i].path, folders[i].info)
	}
	return err
}

func (c copying) file(dst, src string, info fs.FileInfo) error {
	from, err := c.from.Open(src)
	if err != nil {
		return err
	}
	defer from.Close()
	const ownerOnly = 0o600
	to, err := c.to.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, ownerOnly)
	if err != nil {
		return err
	}
	err = clone.CopyFile(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		return err //nolint:wrapcheck // names the files
	}
	return c.like(dst, info)
}

func (c copying) link(dst, src string, info fs.FileInfo) error {
	target, err := c.from.Readlink(src)
	if err == nil {
		err = c.to.Symlink(target, dst)
	}
	if err != nil {
		return err
	}
	return ownedLike(c.to, dst, info)
}

// like gives a copy the owner, permissions and time of the original. The owner comes first, as it takes
// some permissions away.
func (c copying) like(name string, info fs.FileInfo) error {
	return errors.Join(ownedLike(c.to, name, info), c.to.Chmod(name, info.Mode().Perm()), c.to.Chtimes(name, info.ModTime(), info.ModTime()))
}
