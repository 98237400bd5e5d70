package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/winjob"
)

// system is what has been logged: what cannot be had, once.
type system struct{ said *sync.Map }

func (t *Tree) warn(once, text string, args ...any) {
	if _, said := t.trees.system.said.LoadOrStore(once, true); !said {
		t.trees.logger.Warn(text, args...)
	}
}

func (t *Trees) setUp() system { return system{&sync.Map{}} }

// openGroups does nothing: every tree has a job object.
func (t *Trees) openGroups(context.Context) {}

func (t *Trees) grouped() bool { return true }

// prepare starts the command halted, so that it cannot start anything before it is in the job.
// Handles other than the standard ones are not passed on; the standard library sees to that. It always
// has a console of its own, so Ctrl-C in the worker's does not reach it. It is in no process group of its
// own: in one all that it starts would be deaf to Ctrl-C, in shells and in tests of programs.
func prepare(cmd *exec.Cmd, c Command) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		CmdLine:       c.Line,
		CreationFlags: windows.CREATE_SUSPENDED,
	}
	switch {
	case c.Console != 0: // it is the command's
	case c.Window:
		cmd.SysProcAttr.CreationFlags |= windows.CREATE_NEW_CONSOLE
	default:
		cmd.SysProcAttr.CreationFlags |= windows.CREATE_NO_WINDOW
	}
}

// job is a job object: whatever a process in it starts is in it too. Within it each command has one.
type job struct {
	*winjob.Job
	parts *sync.Map // *winjob.Job by process id
}

func (t *Tree) openJob(l Limits) (job, error) {
	made, err := winjob.New(winjob.Limits(l), func(limit string, err error) {
		t.warn(limit, "proc: tasks run without a limit", "limit", limit, "error", err)
	})
	return job{made, &sync.Map{}}, err //nolint:wrapcheck // by the caller
}

func (j job) close() (err error) {
	for _, part := range j.parts.Range {
		err = errors.Join(err, part.(*winjob.Job).Close()) //nolint:forcetypeassert // nothing else is kept
	}
	return errors.Join(err, j.Close())
}

// divide has a command in a job of its own, too. Where that cannot be it is ended alone by End.
func (t *Tree) divide(pid int, process windows.Handle) {
	part, err := winjob.Part()
	if err == nil {
		err = part.Assign(process)
	}
	if err != nil {
		t.warn("parts", "proc: what a command starts cannot be ended with it, only with the task", "error", err)
	}
	if part == nil {
		return
	}
	if before, had := t.job.parts.Swap(pid, part); had {
		_ = before.(*winjob.Job).Close() //nolint:forcetypeassert // nothing else is kept
	}
}

// pids are those in the job.
func (t *Tree) pids() []int {
	list, _ := t.job.PIDs()
	pids := make([]int, len(list))
	for i, pid := range list {
		pids[i] = int(pid)
	}
	return pids
}

// kill ends the command and what it has started, and tells whether there was anything.
func (p *Process) kill() bool {
	_ = p.cmd.Process.Kill() // it may have ended
	part, ok := p.tree.job.parts.Load(p.PID())
	if !ok {
		return false
	}
	own := part.(*winjob.Job) //nolint:forcetypeassert // nothing else is kept
	_ = own.Terminate()       // asked again
	return own.Active()
}

// limited is true: what cannot be set is logged.
func (job) limited() bool { return true }

func (job) start(cmd *exec.Cmd, c Command) error {
	if c.User != nil || c.Console != 0 {
		return startAs(cmd, c)
	}
	return cmd.Start() //nolint:wrapcheck // says what failed
}

// counted is what the job has counted.
func (j job) counted(spent Usage) Usage {
	u := j.Usage()
	return Usage{User: max(u.User, spent.User), Kernel: max(u.Kernel, spent.Kernel), PeakMemory: u.PeakMemory,
		MemoryKills: u.MemoryKills, LimitReached: u.MemoryKills > 0, Refused: u.Refused,
		Read: max(u.Read, spent.Read), Written: max(u.Written, spent.Written)}
}

// transferred is counted by the job.
func (t *Tree) transferred() (read, written uint64) {
	u := t.job.Usage()
	return u.Read, u.Written
}

// resident is the memory of the processes in the job.
func (t *Tree) resident() uint64 { return t.job.Memory() }

// join puts a halted process into the job and lets it go.
func (t *Tree) join(p *os.Process) error {
	const access = windows.PROCESS_SET_QUOTA | windows.PROCESS_TERMINATE | windows.PROCESS_SUSPEND_RESUME
	process, err := windows.OpenProcess(access, false, uint32(p.Pid)) //nolint:gosec // a process id
	if err != nil {
		return fmt.Errorf("open the process: %w", err)
	}
	defer windows.CloseHandle(process) //nolint:errcheck // nothing to be done
	if err := t.job.Assign(process); err != nil {
		return err //nolint:wrapcheck // says what failed
	}
	t.divide(p.Pid, process)
	resume := windows.NewLazySystemDLL("ntdll.dll").NewProc("NtResumeProcess")
	if status, _, _ := resume.Call(uintptr(process)); uint32(status) != 0 {
		return fmt.Errorf("resume the process: status %#x", status)
	}
	return nil
}

// ask does nothing: Windows has no signal that a program without a window or console could see.
func (t *Tree) ask() bool { return false }

func (t *Tree) force() { _ = t.job.Terminate() }

func (t *Tree) alive() bool { return t.job.Active() }
