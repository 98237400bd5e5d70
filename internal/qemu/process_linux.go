package qemu

import (
	"os/exec"
	"syscall"
)

// DiesWithUs keeps a program from outliving the thread that starts it.
func DiesWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
