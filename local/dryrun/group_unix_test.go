//go:build unix

package dryrun_test

import (
	"os/exec"
	"syscall"
)

// inGroup gives packer a process group of its own, as a terminal's shell does.
func inGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt does what Ctrl-C does. Packer is two processes, and the first passes nothing on:
// only the group hears of it.
func interrupt(c *exec.Cmd) error { return syscall.Kill(-c.Process.Pid, syscall.SIGINT) }
