//go:build freebsd || darwin

package mounts

import (
	"os"

	"golang.org/x/sys/unix"
)

// searching opens a directory that perhaps cannot be listed. macOS before 12 does not know it, and wants
// the right to list as well.
const searching = unix.O_SEARCH

// special tells whether a directory is of devices. What is in /dev/fd is what this process has open,
// whoever looks.
func special(fd int) bool {
	var system unix.Statfs_t
	if err := unix.Fstatfs(fd, &system); err != nil {
		return true // it cannot be known
	}
	switch unix.ByteSliceToString(system.Fstypename[:]) {
	case "devfs", "fdescfs", "fdesc", "procfs":
		return true
	}
	return false
}

// enterPath opens a directory, and makes it and those above it where they are missing.
func enterPath(path string) (*os.File, []string, error) { return walk(path) }

// again is a path of an open directory. It may lead elsewhere by now.
func again(dir *os.File) string { return dir.Name() }
