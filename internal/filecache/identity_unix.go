//go:build unix

package filecache

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// identify tells what a file is now; it does not follow a link.
func identify(path string) (identity, error) {
	var s unix.Stat_t
	if err := unix.Lstat(path, &s); err != nil {
		return identity{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return identity{Inode: s.Ino, Size: s.Size, Modified: s.Mtim.Nano(), Changed: s.Ctim.Nano()}, nil
}
