package dockertest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// alone adds a network of its own to the namespaces of a command.
func alone(cmd *exec.Cmd) { cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET }

// unmount takes away what an engine has left mounted below its folder, so that this can be removed.
func unmount(dir string) {
	table, _ := os.ReadFile("/proc/self/mountinfo")
	lines := strings.Split(string(table), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		const place = 4
		if fields := strings.Fields(line); len(fields) > place && strings.HasPrefix(fields[place], dir+"/") {
			_ = syscall.Unmount(fields[place], syscall.MNT_DETACH) // else the folder's removal fails and says so
		}
	}
}
