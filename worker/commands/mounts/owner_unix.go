//go:build !windows

package mounts

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/proc"
)

// owner is whose a file is.
type owner struct{ uid, gid uint32 }

// ownerOf tells whose a file is.
func ownerOf(info fs.FileInfo) owner {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{}
	}
	return owner{stat.Uid, stat.Gid}
}

// everybody is a filter for own that leaves nobody out.
func everybody(owner) bool { return true }

// own gives a user what belongs to those whom the filter names, of a folder or file and all below it.
// Links are not followed. The top comes last: while it is not the user's there may be more to do.
// What has further names elsewhere gets the new owner there as well, so the tree must be the worker's
// own or all of whom the filter names.
func own(ctx context.Context, path string, u proc.User, from func(owner) bool) error {
	give := func(path string, info fs.FileInfo) error {
		have, want := ownerOf(info), owner{u.UID, u.GID}
		if have == want || !from(have) {
			return nil
		}
		return os.Lchown(path, int(u.UID), int(u.GID))
	}
	err := filepath.WalkDir(path, func(below string, d fs.DirEntry, err error) error {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil || below == path {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return give(below, info)
	})
	if err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	return give(path, info)
}

// ownedLike gives a copy the owner of the original, where this process may.
func ownedLike(path string, info fs.FileInfo) error {
	if os.Geteuid() != 0 {
		return nil
	}
	o := ownerOf(info)
	return os.Lchown(path, int(o.uid), int(o.gid))
}

func isOtherDevice(err error) bool { return errors.Is(err, unix.EXDEV) }
