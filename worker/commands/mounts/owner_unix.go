//go:build !windows

package mounts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
// Links are not followed, whatever becomes of the tree meanwhile. The top comes last: while it is not the
// user's there may be more to do. What has further names elsewhere gets the new owner there as well, so the
// tree must be the worker's own or all of whom the filter names.
func own(ctx context.Context, path string, u proc.User, from func(owner) bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	give := func(info fs.FileInfo, chown func(name string, uid, gid int) error, name string) error {
		have, want := ownerOf(info), owner{u.UID, u.GID}
		if have == want || !from(have) {
			return nil
		}
		return chown(name, int(u.UID), int(u.GID))
	}
	if info.IsDir() {
		dir, err := os.OpenRoot(path)
		if err != nil {
			return err
		}
		err = eachBelow(ctx, dir, func(dir *os.Root, info fs.FileInfo) error { return give(info, dir.Lchown, info.Name()) })
		if err := errors.Join(err, dir.Close()); err != nil {
			return err
		}
	}
	return give(info, os.Lchown, path)
}

// eachBelow visits what is in a folder and in those below it, which come after what they hold.
func eachBelow(ctx context.Context, dir *os.Root, visit func(dir *os.Root, info fs.FileInfo) error) error {
	names, err := list(dir)
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		info, err := dir.Lstat(name)
		if err == nil && info.IsDir() {
			err = enterBelow(ctx, dir, name, visit)
		}
		if err == nil {
			err = visit(dir, info)
		}
		if err != nil {
			return err
		}
	}
	return err
}

func enterBelow(ctx context.Context, dir *os.Root, name string, visit func(dir *os.Root, info fs.FileInfo) error) error {
	below, err := dir.OpenRoot(name)
	if err != nil {
		return err
	}
	return errors.Join(eachBelow(ctx, below, visit), below.Close())
}

func list(dir *os.Root) ([]string, error) {
	file, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	names, err := file.Readdirnames(-1)
	return names, errors.Join(err, file.Close())
}

// closed is an error where tasks could put a cache away.
func closed(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("the folder of caches: %w", err)
	}
	const others = 0o022
	if mode := info.Mode(); mode.Perm()&others != 0 || ownerOf(info).uid != uint32(os.Geteuid()) { //nolint:gosec // not negative here
		return fmt.Errorf("cachesDir: others may change %s (mode %#o), and so could a task put another's cache away: it must be the worker's own, with mode 700", dir, mode.Perm())
	}
	return nil
}

// ownedLike gives a copy the owner of the original, where this process may.
func ownedLike(dir *os.Root, name string, info fs.FileInfo) error {
	if os.Geteuid() != 0 {
		return nil
	}
	o := ownerOf(info)
	return dir.Lchown(name, int(o.uid), int(o.gid))
}

func isOtherDevice(err error) bool { return errors.Is(err, unix.EXDEV) }
