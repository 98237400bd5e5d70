package rmtree

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Remove removes path and all below it. Nothing there is no error. The folder that path is in
// must be one that only its owner or root can change.
func Remove(path string) error {
	parent, err := unix.Open(filepath.Dir(path), unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_RDONLY, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	defer unix.Close(parent)
	if err := (&remover{}).remove(parent, filepath.Base(path), 0); err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}

// RemoveIn removes what has a name in an open folder, and all below it. Nothing there is no error.
func RemoveIn(dir *os.Root, name string) error {
	parent, err := dir.Open(".")
	if err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	defer parent.Close()
	if err := (&remover{}).remove(int(parent.Fd()), name, 0); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// remover removes one tree.
type remover struct {
	top   int // the tree's first directory, while it is emptied
	moved int // subtrees that were too deep, and are in top now
}

// deep is how many directories are held open at once: a tree may be deeper than that by as much as
// its owner likes, and is then taken to pieces.
const deep = 64

// remove removes what has the name in an open directory.
func (r *remover) remove(at int, name string, depth int) error {
	err := unix.Unlinkat(at, name, 0)
	if errors.Is(err, unix.EACCES) && depth > 0 {
		_ = unix.Fchmod(at, 0o700) // the owner, who we are, has taken the right away
		err = unix.Unlinkat(at, name, 0)
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if depth == deep {
		return r.putAside(at, name)
	}
	dir, open := openDir(at, name)
	if errors.Is(open, unix.ENOTDIR) { // then it is the first error that counts
		open = err
	}
	if errors.Is(open, unix.ENOENT) { // somebody else removes it too
		return nil
	}
	if open != nil {
		return fmt.Errorf("%s: %w", name, open)
	}
	if err := r.empty(dir, depth); err != nil {
		return err
	}
	if err := unix.Unlinkat(at, name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// putAside moves a subtree up into the tree's first directory, which is read anew until it is empty.
// It never leaves the tree: beside that there may be what others have made, with any name.
func (r *remover) putAside(at int, name string) error {
	for given := false; ; {
		r.moved++
		err := unix.Renameat(at, name, r.top, ".left"+strconv.Itoa(r.moved))
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST), errors.Is(err, unix.ENOTDIR): // the name is taken
		case errors.Is(err, unix.EACCES) && !given: // to move a directory one must be able to write to it
			given = giveBack(at, name) == nil
			if !given {
				return fmt.Errorf("%s: %w", name, err)
			}
		default:
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// empty removes all entries of a directory, and closes it. It reads it anew until it is empty, as
// some file systems skip entries when others are removed.
func (r *remover) empty(fd, depth int) error {
	dir := os.NewFile(uintptr(fd), "directory")
	defer dir.Close()
	if depth == 0 {
		r.top = fd
	}
	for {
		names, err := dir.Readdirnames(1024)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a directory: %w", err)
		}
		var first error
		for _, name := range names {
			if err := r.remove(fd, name, depth+1); err != nil && first == nil {
				first = err
			}
		}
		if first != nil {
			return first
		}
		if _, err := dir.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read a directory: %w", err)
		}
	}
}

// openDir opens a directory, not through a link and not over the border of a mount.
func openDir(at int, name string) (int, error) {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	fd, err := unix.Openat2(at, name, &how)
	switch {
	case errors.Is(err, unix.EXDEV):
		return 0, ErrMount
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // Linux before 5.6, or a container whose filter does not know the call
		return openOld(at, name)
	case errors.Is(err, unix.EACCES): // its owner, who we are, has taken the right away
		if giveBack(at, name) == nil {
			return unix.Openat2(at, name, &how)
		}
	}
	return fd, err
}

// giveBack gives the owner of a directory all rights to it, and never to what a link leads to.
func giveBack(at int, name string) error {
	fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), 0o700), unix.Close(fd))
}

// openOld knows a mount by its device, so not one of a folder of the same file system.
func openOld(at int, name string) (int, error) {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	var above, here unix.Stat_t
	err = errors.Join(unix.Fstat(at, &above), unix.Fstat(fd, &here))
	if err == nil && above.Dev != here.Dev {
		err = ErrMount
	}
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}
