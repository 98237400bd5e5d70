package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
)

// shells are the further commands of a sandbox that have not been waited for.
type shells struct {
	mu    sync.Mutex
	ended bool // no other is started
	all   sync.WaitGroup
}

// add starts something that wait waits for.
func (s *shells) add(start func() (wait func(), err error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return proc.ErrClosed
	}
	wait, err := start()
	if err == nil {
		s.all.Go(wait)
	}
	return err
}

// wait waits until all have ended, and lets none be started any more.
func (s *shells) wait() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.all.Wait()
}

// Shell implements engines.Sheller.
func (s *sandbox) Shell(_ context.Context, command []string, terminal bool) (engines.Shell, error) {
	var sh *shell
	err := s.shells.add(func() (func(), error) {
		var err error
		if sh, err = s.newShell(command, terminal); err != nil {
			return nil, err
		}
		return sh.follow, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: start a shell: %w", s.config.Engine, err)
	}
	return sh, nil
}

// shell is a command beside the task's own. in and out are one file for a terminal.
type shell struct {
	in, out  *os.File
	terminal bool
	process  Process
	console  console

	done chan struct{} // closed when the rest is final
	code int
	err  error
}

// follow waits for the command.
func (s *shell) follow() {
	defer s.console.hangUp() // when it is known that the command has ended: it may wait for whoever reads
	defer close(s.done)
	state, err := s.process.Wait()
	if s.err = err; err == nil {
		s.code = state.ExitCode()
	}
}

// Read implements engines.Shell.
func (s *shell) Read(p []byte) (int, error) {
	n, err := s.out.Read(p)
	if err != nil && (s.terminal && hungUp(err) || errors.Is(err, os.ErrClosed)) {
		err = io.EOF
	}
	return n, err //nolint:wrapcheck // io.EOF as it is
}

// Write implements engines.Shell.
func (s *shell) Write(p []byte) (int, error) {
	return s.in.Write(p) //nolint:wrapcheck // says what failed
}

// Wait implements engines.Shell.
func (s *shell) Wait(ctx context.Context) (int, error) {
	select {
	case <-s.done:
		return s.code, s.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Close implements engines.Shell. It may be repeated.
func (s *shell) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), insist)
	defer cancel()
	err := s.process.End(ctx)
	_ = s.in.Close() // it may be closed
	if s.out != s.in {
		_ = s.out.Close()
	}
	if err != nil {
		return fmt.Errorf("end a shell: %w", err)
	}
	<-s.done
	return nil
}

// pipes makes standard input and output.
func pipes() (in, out, theirIn, theirOut *os.File, err error) {
	theirIn, in, err = os.Pipe()
	if err != nil {
		return nil, nil, nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	out, theirOut, err = os.Pipe()
	if err != nil {
		return nil, nil, nil, nil, errors.Join(fmt.Errorf("make a pipe: %w", err), in.Close(), theirIn.Close())
	}
	return in, out, theirIn, theirOut, nil
}
