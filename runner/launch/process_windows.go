package launch

import (
	"os/exec"
	"syscall"
)

// separate keeps Ctrl-C in a console from the worker: it is the runner's to handle.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// interrupt does nothing: there is no signal that a program without a console would see.
func interrupt(*exec.Cmd) {}

func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // that it may have ended already is fine
