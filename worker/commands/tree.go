package commands

import (
	"context"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
)

// Tree is where the processes of a run are started and ended: a *proc.Tree, or what stands for it
// where others than this process start them. See there for what the methods do.
type Tree interface {
	Start(c proc.Command) (Process, error)
	Kill(ctx context.Context, grace time.Duration) error
	Close() error
	Usage() proc.Usage
	Members() []int
}

// Process is a command that was started: a *proc.Process, or what stands for it.
type Process interface {
	Wait() (State, error)
	End(ctx context.Context) error
}

// State is how a command ended: an *os.ProcessState, or what stands for it.
type State interface {
	Success() bool
	ExitCode() int
	UserTime() time.Duration
	SystemTime() time.Duration
	String() string
}

// open opens the tree of a run. What runs as this process's user is always its own to start.
func (c Config) open(o proc.Options) (Tree, error) {
	if c.Open != nil && c.User != nil {
		return c.Open(o)
	}
	tree, err := c.Trees.Open(o)
	if err != nil {
		return nil, err //nolint:wrapcheck // by the caller
	}
	return own{tree}, nil
}

// own is a tree of this process.
type own struct{ *proc.Tree }

// Start implements Tree.
func (t own) Start(c proc.Command) (Process, error) {
	p, err := t.Tree.Start(c)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file and the reason
	}
	return ownProcess{p}, nil
}

type ownProcess struct{ *proc.Process }

// Wait implements Process.
func (p ownProcess) Wait() (State, error) {
	state, err := p.Process.Wait()
	if err != nil {
		return nil, err //nolint:wrapcheck // says what failed
	}
	return state, nil
}
