//go:build unix

package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Space is how many bytes this user may still write where dir is, and how many the disk has in all.
func Space(dir string) (free, size uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	block := uint64(s.Bsize)                                       //nolint:gosec,unconvert // the types differ between systems
	return uint64(max(0, s.Bavail)) * block, s.Blocks * block, nil //nolint:gosec,unconvert // see above
}

// Same tells whether what is deleted in one directory makes space in the other.
func Same(a, b string) (bool, error) {
	var one, other unix.Stat_t
	for path, stat := range map[string]*unix.Stat_t{a: &one, b: &other} {
		if err := unix.Stat(path, stat); err != nil {
			return false, fmt.Errorf("find the disk of %s: %w", path, err)
		}
	}
	return one.Dev == other.Dev, nil
}
