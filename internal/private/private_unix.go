//go:build unix

package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// open opens the file without following a link that somebody other than root made.
func open(path string) (*os.File, error) {
	for range 10 {
		file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err == nil {
			return file, nil
		}
		// Linux and macOS say ELOOP, FreeBSD says EMLINK.
		if !errors.Is(err, syscall.ELOOP) && !errors.Is(err, syscall.EMLINK) {
			return nil, err
		}
		path, err = target(path)
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s: too many symbolic links", path)
}

// target is where a link that root made points.
func target(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if owner(info) != 0 {
		return "", fmt.Errorf("%s: it is %w that root did not make, so that somebody else could point it elsewhere: name the file itself", path, ErrSymlink)
	}
	to, err := os.Readlink(path)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(path), to)
	}
	return to, nil
}

func owner(info fs.FileInfo) int {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(stat.Uid)
}

func tighten(file *os.File, info fs.FileInfo) (string, error) {
	mode := info.Mode().Perm()
	if owner(info) != os.Geteuid() {
		return "", fmt.Errorf("%w: it belongs to user %d and we are user %d: make it ours (chown) with mode 0600", ErrExposed, owner(info), os.Geteuid())
	}
	if mode&0o077 == 0 {
		return "", nil
	}
	if err := file.Chmod(0o600); err != nil {
		return "", fmt.Errorf("%w: its mode is %04o and cannot be changed to 0600: %w", ErrExposed, mode, err)
	}
	return fmt.Sprintf("%s had mode %04o, so that others could use it; it is 0600 now", file.Name(), mode), nil
}

// Trusted tells whether the owner of what is at path, which may be a link, is who runs this program or root.
func Trusted(path string) (bool, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return false, err
	}
	uid := owner(info)
	return uid == 0 || uid == os.Geteuid(), nil
}

// closed makes a folder that only we may enter. A link to one is followed. One that root has made for
// a group of ours stays as it is where we may not change it.
func closed(path string) error {
	const ownerOnly = 0o700
	err := os.Mkdir(path, ownerOnly)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	if info.Mode().Perm() == ownerOnly {
		return nil
	}
	err = os.Chmod(path, ownerOnly) //nolint:gosec // a folder is entered
	const others = 0o007
	if errors.Is(err, fs.ErrPermission) && owner(info) == 0 && info.Mode()&others == 0 {
		return nil
	}
	return err
}

// create makes a new file that nobody else can open.
func create(dir, base string) (*os.File, error) {
	return os.CreateTemp(dir, "."+base+".*") // with mode 0600
}

// syncDir makes the new name of a file survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
