package dockertest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
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

// Freeze has the engine do nothing until what it returns is called, as a disk that stalls would.
func (e Engine) Freeze(t *testing.T) (thaw func()) {
	t.Helper()
	process := e.daemon.cmd.Process
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	thaw = func() { _ = process.Signal(syscall.SIGCONT) } // may have ended
	t.Cleanup(thaw)
	return thaw
}
