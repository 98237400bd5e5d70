package build

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// ownGroup lets packer be interrupted without this process.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// interrupt asks packer to clean up.
func interrupt(cmd *exec.Cmd) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(cmd.Process.Pid)) //nolint:gosec // a process id fits
}

// killGroup ends packer. Its plugins end when they lose it.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
