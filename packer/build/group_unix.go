//go:build unix

package build

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a terminal's interrupt from packer: it is told once, by us.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt asks packer alone to clean up: its plugins end with it. Packer is two processes, of
// which the first passes SIGTERM on to the second, and ignores SIGINT.
func interrupt(cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGTERM) }

// killGroup ends what is left of packer. There may be nothing.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
