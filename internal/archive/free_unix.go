//go:build unix

package archive

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freeSpace is how many bytes this user may still write where path is.
func freeSpace(path string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", path, err)
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil //nolint:gosec,unconvert // the types differ between systems
}
