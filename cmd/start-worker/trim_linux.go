package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// trim gives the memory of the program's code back. Most of it was needed once, at the start;
// what is needed again comes from the page cache. It says how many bytes were looked at.
func trim() (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	defer func() { _ = maps.Close() }() // only read
	total := 0
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil {
			return total, fmt.Errorf("read /proc/self/maps: %w", err)
		}
		// Code is never written to. Anything else that is not writable now may have been.
		if mode != "r-xp" || !strings.HasSuffix(lines.Text(), " "+self) {
			continue
		}
		if _, _, code := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); code != 0 {
			return total, os.NewSyscallError("madvise", code)
		}
		total += int(to - from)
	}
	return total, nil
}
