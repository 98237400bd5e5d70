//go:build unix

package build

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a terminal's interrupt from packer: it gets exactly one, from us.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt asks packer alone: its plugins end with it.
func interrupt(cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGINT) }

// killGroup ends what is left of packer. There may be nothing.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
