//go:build unix

package doctor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Free is how many bytes are free for us where path is.
func Free(path string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("free disk space at %s: %w", path, err)
	}
	return uint64(max(0, s.Bavail)) * uint64(s.Bsize), nil
}
