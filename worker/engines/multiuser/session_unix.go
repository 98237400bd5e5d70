//go:build unix

package multiuser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/launchagent"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/commands"
)

// Seated opens what starts an account's commands through the agent in its session that listens at socket.
func Seated(socket string) func(accounts.Account, proc.Options) (commands.Tree, error) {
	return func(account accounts.Account, _ proc.Options) (commands.Tree, error) {
		return &session{agent: launchagent.Agent{Path: socket, UID: account.UID}}, nil
	}
}

// session is the tree of a run's commands in a desktop session. What they have left behind ends with it.
type session struct {
	agent launchagent.Agent

	mu     sync.Mutex
	closed bool
	all    []*launchagent.Process
	spent  proc.Usage
}

// startTime bounds the start of a command: the agent may not answer.
const startTime = time.Minute

// Start implements commands.Tree.
func (s *session) Start(c proc.Command) (commands.Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, proc.ErrClosed
	}
	input := c.Input
	if input == nil {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return nil, err //nolint:wrapcheck // names the file
		}
		defer null.Close()
		input = null
	}
	ctx, done := context.WithTimeout(context.Background(), startTime)
	defer done()
	p, err := s.agent.Start(ctx, launchagent.Command{Path: c.Path, Args: c.Args, Dir: c.Dir, Env: c.Env, Terminal: c.Terminal}, input, c.Output)
	if err != nil {
		return nil, err //nolint:wrapcheck // says what failed
	}
	s.all = append(s.all, p)
	return seated{p, s}, nil
}

// Kill implements commands.Tree.
func (s *session) Kill(ctx context.Context, grace time.Duration) error {
	s.mu.Lock()
	s.closed = true
	all := slices.Clone(s.all)
	s.mu.Unlock()
	errs := make([]error, len(all))
	var stopping sync.WaitGroup
	for i, p := range all {
		stopping.Go(func() { errs[i] = p.Stop(ctx, grace) })
	}
	stopping.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("end the commands in the session: %w", err)
	}
	return nil
}

// Close implements commands.Tree.
func (s *session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, p := range s.all {
		_ = p.Close() // does not fail
	}
	return nil
}

// Usage implements commands.Tree: it is what commands that have ended have used themselves.
func (s *session) Usage() proc.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spent
}

// Members implements commands.Tree. They are not known.
func (*session) Members() []int { return nil }

// seated is a command in a session.
type seated struct {
	*launchagent.Process
	session *session
}

// Wait implements commands.Process.
func (p seated) Wait() (commands.State, error) {
	result, err := p.Process.Wait()
	if err != nil {
		return nil, err //nolint:wrapcheck // says what failed
	}
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	p.session.spent.User += result.User
	p.session.spent.Kernel += result.Kernel
	return result, nil
}

// End implements commands.Process.
func (p seated) End(ctx context.Context) error {
	return p.Stop(ctx, 0) //nolint:wrapcheck // says what failed
}
