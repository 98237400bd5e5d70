package qemu

import (
	"os/exec"
	"syscall"
)

// isolate gives a command namespaces in which every user and group is who it is outside. The end of its
// context, or of this process, kills all that is in them.
func isolate(cmd *exec.Cmd) {
	everybody := []syscall.SysProcIDMap{{Size: 1<<32 - 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
		UidMappings: everybody, GidMappings: everybody, GidMappingsEnableSetgroups: true,
	}
}
