package main

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// room fails when there is less free space than wanted, in bytes.
func room(dir string, wanted uint64) error {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	return enough(dir, free, wanted)
}
