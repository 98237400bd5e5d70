package main

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a console's interrupt from a program: this one decides when it ends.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
