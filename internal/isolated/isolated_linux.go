package isolated

import (
	"os/exec"
	"syscall"
)

// isolate has a command run in namespaces of its own, and end with this process.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
		Setsid:     true, Pdeathsig: syscall.SIGKILL,
	}
}
