package trim

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// Trim gives memory back: unused heap, and the program's code and constants, most of which
// were needed once, at the start; what is needed again comes from the page cache. It says how
// many bytes of the latter were looked at.
func Trim() (int, error) {
	debug.FreeOSMemory()
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	defer func() { _ = maps.Close() }() // only read
	total := 0
	var from, to uintptr
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		line := lines.Text()
		if !strings.Contains(line, ":") || strings.Contains(line, "/") {
			var mode string
			if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil {
				return total, fmt.Errorf("read /proc/self/smaps: %w", err)
			}
			if !strings.HasPrefix(mode, "r-") || !strings.HasSuffix(line, " "+self) {
				from, to = 0, 0
			}
		}
		// A page that was written to is anonymous, and would be lost.
		if to == 0 || strings.Join(strings.Fields(line), " ") != "Anonymous: 0 kB" {
			continue
		}
		if _, _, code := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); code != 0 {
			return total, os.NewSyscallError("madvise", code)
		}
		total += int(to - from)
	}
	return total, nil
}
