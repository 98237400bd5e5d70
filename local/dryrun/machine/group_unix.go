//go:build unix

package machine

import (
	"os/exec"
	"syscall"
)

// inGroup makes the end of the context end sshd's helpers as well, and keeps an interrupt at
// the terminal from it: whoever started the machine decides when it ends.
func inGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
