// Package proc starts trees of processes and kills them whole: also what left its group or
// session, and what lost its parent.
//
// How far that reaches depends on the system. Windows: a job object, from which nothing
// escapes, and which limits and counts what the tree uses (see package winjob). Linux, with NewGrouped and where control groups are writable: a group for each tree,
// which also limits and counts what the tree uses (see package cgroup). Linux otherwise: the worker adopts what loses its parent (child subreaper), so every
// descendant stays below it; to which tree an adopted process belongs is known by its
// session, else by a variable of its environment or its working directory. While one tree
// lives, all adopted processes are its own; among several, one that has left its session,
// wiped its environment and changed its directory is found when the others have ended. Other
// systems: the process group of each command.
package proc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// Trees is where a process's trees are started. Make one for each process, before it starts
// others. All processes that are not of a tree must stay in this process's session.
type Trees struct {
	logger *slog.Logger
	system system

	survey sync.Mutex // held while all processes are looked through; taken before the others

	mu   sync.Mutex
	live map[*Tree]bool

	unlimited sync.Once // for the warning that there are no limits
	unscored  sync.Once // for the warning that the OOM score is the worker's
}

// NewGrouped is New, and has the trees live in control groups where the system offers that. What
// workers that have died left in theirs is killed and removed; ctx bounds that.
func NewGrouped(ctx context.Context, logger *slog.Logger) *Trees {
	t := New(logger)
	t.openGroups(ctx)
	return t
}

// Grouped tells whether the system itself keeps the processes of a tree together, so that none
// can be taken for another tree's.
func (t *Trees) Grouped() bool { return t.grouped() }

// New sets this process up: descriptors that it inherited are not passed on, and where the
// system can do so, it adopts the orphans among its descendants. What fails is logged.
func New(logger *slog.Logger) *Trees {
	t := &Trees{logger: logger, live: map[*Tree]bool{}}
	t.system = t.setUp()
	return t
}

// Tree is the processes that come from some commands. Its methods may be called concurrently.
type Tree struct {
	trees *Trees
	dir   string // its processes' working directory
	mark  string // an entry of its processes' environment

	mu      sync.Mutex
	closed  bool
	running map[int]bool   // commands that have not been waited for, by process id
	started map[int]bool   // all commands whose number no other tree has got since: their sessions and groups
	seen    map[int]string // where orphans are adopted: when each process that was found had started
	freed   bool
	spent   Usage // of commands that have been waited for; of all when freed
	job     job
}

// Options say what a tree is like.
type Options struct {
	// Dir is the folder in which its commands are expected to run.
	Dir string
	// Mark is a NAME=value that its commands have in their environment, and no other tree's.
	Mark string
	// Limits are of all its processes together.
	Limits Limits
}

// Limits are what the processes of a tree may use together. Zero is no limit. Where the system
// cannot set one, that is logged once and the processes run without it.
type Limits struct {
	Memory    uint64 // bytes
	Processes uint64 // threads included; on Windows not
	CPUWeight uint64 // 1 to 10000; 100 is usual
}

// User is an account of the system.
type User struct {
	UID, GID uint32   // not on Windows
	Groups   []uint32 // further ones
	Token    uintptr  // on Windows what it is logged on with, a handle that stays its owner's
}

// Open opens a tree without processes.
func (t *Trees) Open(o Options) (*Tree, error) {
	tree := &Tree{trees: t, dir: o.Dir, mark: o.Mark, running: map[int]bool{}, started: map[int]bool{}}
	var err error
	if tree.job, err = tree.openJob(o.Limits); err != nil {
		return nil, fmt.Errorf("proc: open a tree: %w", err)
	}
	if o.Limits != (Limits{}) && !tree.job.limited() {
		t.unlimited.Do(func() { t.logger.Warn("proc: this system sets no limits to tasks here: they run without") })
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live[tree] = true
	return tree, nil
}

// Command says what to start. Nothing is passed on but the files that it names.
type Command struct {
	Path   string
	Args   []string // with the name first
	Dir    string
	Env    []string
	Output *os.File // standard output and error
	Input  *os.File // standard input; nil is an empty one
	// Terminal says that Input is a terminal, which becomes the one that controls the command. Not on Windows.
	Terminal bool
	// User is as whom it runs; nil is as this process.
	User *User
	// DieWithCaller, on Linux, has the system kill the process when the thread ends that called
	// Start, which it does with this process at the latest: call it from a locked one.
	DieWithCaller bool
	// Line, on Windows, is the whole command line in place of Args.
	Line string
	// Window, on Windows, gives the command a console of its own, which is a window where there is a desktop.
	Window bool
	// Console, on Windows, is a pseudo console in place of Input and Output.
	Console uintptr
}

// Process is a command that was started.
type Process struct {
	cmd  *exec.Cmd
	tree *Tree
}

// ErrClosed is returned by Start when the tree has been killed.
var ErrClosed = errors.New("the process tree was killed")

// Start starts a command. It must be waited for.
func (t *Tree) Start(c Command) (*Process, error) {
	cmd := &exec.Cmd{Path: c.Path, Args: c.Args, Dir: c.Dir, Env: c.Env, Stdout: c.Output, Stderr: c.Output}
	if c.Input != nil { // else it would be an interface that is not nil
		cmd.Stdin = c.Input
	}
	prepare(cmd, c)
	if err := t.launch(cmd, c); err != nil {
		return nil, err
	}
	t.trees.claim(t, cmd.Process.Pid)
	return &Process{cmd: cmd, tree: t}, nil
}

func (t *Tree) launch(cmd *exec.Cmd, c Command) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	if err := t.job.start(cmd, c); err != nil {
		return err //nolint:wrapcheck // names the file and the reason already
	}
	if err := t.join(cmd.Process); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return fmt.Errorf("proc: %w", err)
	}
	t.running[cmd.Process.Pid], t.started[cmd.Process.Pid] = true, true
	return nil
}

// claim makes a number that the system gave to a command of owner that tree's alone: another
// tree may have had a command with it that is long gone. The command has not been waited for,
// so the number cannot be given to yet another one meanwhile.
func (t *Trees) claim(owner *Tree, pid int) {
	for _, tree := range t.all() {
		if tree != owner {
			tree.disown(pid)
		}
	}
}

func (t *Tree) disown(pid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.started, pid)
}

// PID is the process's id. It may be given to another one once Wait has returned.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// End ends the command by force, and what it has started: on Windows all of it; on Linux also what has left
// its session, as long as its parents live; elsewhere its process group. It returns
// when all are gone, or with ctx's cause. It may be called before and after Wait, and repeated.
func (p *Process) End(ctx context.Context) error {
	wait := 250 * time.Microsecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p.kill() {
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return fmt.Errorf("proc: end a command: %w", context.Cause(ctx))
		case <-timer.C:
		}
		wait = min(2*wait, 20*time.Millisecond)
	}
	return nil
}

// Members lists the processes of the tree by their ids, where the system tells them apart: on Linux and Windows.
func (t *Tree) Members() []int { return t.pids() }

// Wait waits for the command itself, not for what it started. It is called once.
func (p *Process) Wait() (*os.ProcessState, error) {
	err := p.cmd.Wait()
	p.tree.mu.Lock()
	defer p.tree.mu.Unlock()
	delete(p.tree.running, p.cmd.Process.Pid)
	if s := p.cmd.ProcessState; s != nil {
		p.tree.spent.User += s.UserTime()
		p.tree.spent.Kernel += s.SystemTime()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return p.cmd.ProcessState, fmt.Errorf("proc: wait: %w", err)
	}
	return p.cmd.ProcessState, nil
}

// Kill ends every process of the tree, and lets none be started any more. With a positive grace
// they are asked first, where the system has a way to do so, and have so long to obey. It
// returns when all are gone, or with ctx's cause. It may be repeated.
func (t *Tree) Kill(ctx context.Context, grace time.Duration) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	if grace > 0 && t.ask() {
		asked, done := context.WithTimeout(ctx, grace)
		_ = t.gone(asked, func() {}) // what is left is killed
		done()
	}
	t.force()
	if err := t.gone(ctx, t.force); err != nil {
		return fmt.Errorf("proc: kill: %w", err)
	}
	return nil
}

// gone waits until no process of the tree is left, and calls again now and then.
func (t *Tree) gone(ctx context.Context, again func()) error {
	wait := 250 * time.Microsecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	for t.alive() {
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		again()
		wait = min(2*wait, 20*time.Millisecond)
	}
	return nil
}

// Close frees what the tree holds. Call it after Kill. It may be repeated.
func (t *Tree) Close() error {
	t.trees.mu.Lock()
	delete(t.trees.live, t)
	t.trees.mu.Unlock()
	t.mu.Lock()
	freed := t.freed
	if !freed {
		t.spent = t.job.counted(t.spent)
	}
	t.closed, t.freed = true, true
	t.mu.Unlock()
	if freed {
		return nil
	}
	return t.job.close()
}

// all lists the live trees.
func (t *Trees) all() []*Tree {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.live))
}
