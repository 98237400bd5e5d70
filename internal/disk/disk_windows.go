package disk

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// Space is how many bytes this user may still write where dir is, and how many the disk has in all.
func Space(dir string) (free, size uint64, err error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(path, &free, &size, nil)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return free, size, nil
}

// Same tells whether what is deleted in one directory makes space in the other.
func Same(a, b string) (bool, error) {
	for _, path := range []*string{&a, &b} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return false, fmt.Errorf("find the disk of %s: %w", *path, err)
		}
		*path = filepath.VolumeName(absolute)
	}
	return strings.EqualFold(a, b), nil
}
