//go:build darwin || freebsd

package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

type system struct{}

// mostDescriptors is how far inherited descriptors are looked for.
const mostDescriptors = 256

func (t *Trees) setUp() system {
	for fd := 3; fd < mostDescriptors; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			unix.CloseOnExec(fd)
		}
	}
	return system{}
}

// prepare gives the command a session and so a process group of its own.
func prepare(cmd *exec.Cmd, c Command) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: c.Terminal, Credential: credential(c.User)}
}

func (t *Tree) join(*os.Process) error { return nil }

// signal sends a signal to the groups of all commands, also of those that have ended: what they started
// may go on. It tells whether any process was there.
func (t *Tree) signal(s unix.Signal) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := false
	for pid := range t.started {
		if err := unix.Kill(-pid, s); err == nil || errors.Is(err, unix.EPERM) {
			found = true
		} else if !t.running[pid] {
			delete(t.started, pid) // its number may be used again
		}
	}
	return found
}

// ask asks all processes to end, and returns whether that is of any use.
func (t *Tree) ask() bool {
	t.signal(unix.SIGTERM)
	return t.signal(unix.SIGCONT)
}

func (t *Tree) force() { t.signal(unix.SIGKILL) }

func (t *Tree) alive() bool { return t.signal(0) }

// pids is empty: which processes are of a tree is not known, only their groups.
func (t *Tree) pids() []int { return nil }

// kill kills the command's group, and tells whether there was anything in it.
func (p *Process) kill() bool {
	p.tree.mu.Lock()
	ours := p.tree.started[p.PID()] // else the number may be another tree's
	p.tree.mu.Unlock()
	return ours && unix.Kill(-p.PID(), unix.SIGKILL) == nil
}

type job struct{}

func (t *Tree) openJob(Limits) (job, error) { return job{}, nil }

// openGroups does nothing: this system has no control groups.
func (t *Trees) openGroups(context.Context) {}

func (t *Trees) grouped() bool { return false }

// limited is false: no limit is set.
func (job) limited() bool { return false }

func (job) start(cmd *exec.Cmd, _ Command) error { return cmd.Start() } //nolint:wrapcheck // names the file and the reason already

// counted is what is known from the commands that have ended.
func (job) counted(spent Usage) Usage { return spent }

// transferred is not known.
func (t *Tree) transferred() (read, written uint64) { return 0, 0 }

// resident is 0: not known.
func (t *Tree) resident() uint64 { return 0 }

func (job) close() error { return nil }
