package proof

import (
	"os/exec"
	"syscall"
)

// diesWithUs keeps a program from outliving the thread that starts it.
func diesWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
