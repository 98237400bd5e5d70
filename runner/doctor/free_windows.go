package doctor

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// Free is how many bytes are free for us where path is.
func Free(path string) (uint64, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, fmt.Errorf("free disk space at %s: %w", path, err)
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, fmt.Errorf("free disk space at %s: %w", path, err)
	}
	return free, nil
}
