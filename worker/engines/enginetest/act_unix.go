//go:build unix

package enginetest

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
)

func listen(asked chan<- os.Signal) { signal.Notify(asked, syscall.SIGTERM) }

func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// crash ends this process as a fault would. It does not return.
func crash() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// signals tells whether a command can be asked to end, and can be killed by a signal.
const signals = true

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// fifo makes a pipe in the file system.
func fifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
