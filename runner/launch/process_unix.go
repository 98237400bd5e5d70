//go:build unix

package launch

import (
	"os/exec"
	"syscall"
)

// AsksWhose says that Command.Ours matters here.
const AsksWhose = false

// separate gives the worker a process group of its own: Ctrl-C in a terminal is the runner's
// to handle, and kill can reach what the worker has started.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	orphan(cmd.SysProcAttr)
}

// bind does nothing: what can be done is in orphan.
func bind(*exec.Cmd, bool) (release func(), err error) { return func() {}, nil }

// interrupt asks the process to end. That it may have ended already is fine.
func interrupt(cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGTERM) }

func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
