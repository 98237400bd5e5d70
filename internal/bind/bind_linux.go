package bind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func mount(ctx context.Context, source string, dir *os.File, name string, o Options) (Mount, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return Mount{}, failure("open "+source, err)
	}
	defer unix.Close(tree)
	if err := restrict(tree, o); err != nil {
		return Mount{}, failure("restrict the mount of "+source, err)
	}
	if o.User.changes() || o.Group.changes() {
		if err := show(ctx, tree, o); err != nil {
			return Mount{}, fmt.Errorf("bind: show %s as another user's: %w", source, err)
		}
	}
	if err := unix.MoveMount(tree, "", int(dir.Fd()), name, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return Mount{}, failure("mount "+source, err)
	}
	return identify(tree)
}

// restrict makes the mount one that no other namespace gets a part of, and harmless.
func restrict(tree int, o Options) error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV, Propagation: unix.MS_PRIVATE}
	if o.ReadOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	return unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr)
}

// show has the files seen as those of others.
func show(ctx context.Context, tree int, o Options) error {
	namespace, err := userNamespace(ctx, o.User, o.Group)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return errors.Join(ErrNoMap, err)
	}
	defer namespace.Close()
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(namespace.Fd())}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return errors.Join(ErrNoMap, err)
	}
	return nil
}

// failure wraps an error of a system call; those by which a system lacks the calls are ErrUnsupported.
func failure(what string, err error) error {
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		err = fmt.Errorf("%w (%w)", ErrUnsupported, err)
	}
	return fmt.Errorf("bind: %s: %w", what, err)
}

// identify finds out which mount an open tree has become. Its device is the one that the list has,
// which is not that of its files on every file system.
func identify(tree int) (Mount, error) {
	var stat unix.Statx_t
	err := unix.Statx(tree, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &stat)
	all, listed := mounted()
	for _, e := range all {
		if err == nil && e.id == stat.Mnt_id {
			return Mount{id: e.id, device: e.device}, nil
		}
	}
	return Mount{}, errors.Join(fmt.Errorf("bind: find out which mount it is: %w", errors.Join(err, listed)), undo(tree))
}

// undo takes away the mount of an open tree.
func undo(tree int) error {
	return unix.Unmount(fmt.Sprintf("/proc/self/fd/%d", tree), unix.MNT_DETACH)
}

// unmount looks the mount up by its number: what is at the path where it was may be something else.
func (m Mount) unmount() (busy bool, err error) {
	all, err := mounted()
	if err != nil {
		return false, err
	}
	for _, e := range all {
		if e.id != m.id || e.device != m.device {
			continue
		}
		err := release(e.point)
		if errors.Is(err, unix.EBUSY) {
			return true, detach(e.point)
		}
		return false, failed(e.point, err)
	}
	return false, nil
}

// release unmounts what nobody uses. The system may close the files of processes that were killed a little
// later than it says that they are gone.
func release(point string) error {
	const tries = 10
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	err := unix.Unmount(point, unix.UMOUNT_NOFOLLOW)
	for tried := 1; tried < tries && errors.Is(err, unix.EBUSY); tried++ {
		<-pause.C
		err = unix.Unmount(point, unix.UMOUNT_NOFOLLOW)
	}
	return err
}

// detach takes what is mounted at point out of sight; it ends when nobody uses it.
func detach(point string) error {
	return failed(point, unix.Unmount(point, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH))
}

func failed(point string, err error) error {
	if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // it is gone
		return nil
	}
	return fmt.Errorf("bind: unmount %s: %w", point, err)
}
