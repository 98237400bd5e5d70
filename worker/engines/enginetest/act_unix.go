//go:build unix

package enginetest

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
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

// stop stops this process until it is told to go on.
func stop() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) }

// stopped tells whether a process is stopped; it is true where that is not known.
func stopped(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	text := string(data)
	return strings.HasPrefix(text[strings.LastIndexByte(text, ')')+1:], " T")
}

// pipe makes a pipe in the file system.
func pipe(path string) error { return syscall.Mkfifo(path, 0o600) }

// pipes tells whether there are such pipes.
const pipes = true

// inherit makes a descriptor that commands would inherit, as a careless parent may have left it
// to this process, and returns its name; "" where that cannot be known. It stays open.
func inherit() string {
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		return ""
	}
	name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", ends[0]))
	return name
}

// size is that of the terminal that controls this process.
func size() string {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return err.Error()
	}
	defer terminal.Close()
	size, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%dx%d", size.Col, size.Row)
}
