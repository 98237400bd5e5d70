//go:build unix

package build

import (
	"os/exec"
	"syscall"
)

// group is packer with all that it starts.
type group struct{ cmd *exec.Cmd }

// startGroup starts packer in a group of its own, which keeps a terminal's interrupt from it: it
// is told once, by us.
func startGroup(cmd *exec.Cmd) (group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return group{cmd}, cmd.Start()
}

// interrupt asks packer alone to clean up: its plugins end with it. Packer is two processes, of
// which the first passes SIGTERM on to the second, and ignores SIGINT.
func (g group) interrupt() error { return g.cmd.Process.Signal(syscall.SIGTERM) }

// kill ends what is left of packer. There may be nothing.
func (g group) kill() { _ = syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL) }

// close forgets the group.
func (group) close() {}
