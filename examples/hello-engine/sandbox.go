package hello

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/worker/commands"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// sandbox is a run that has been started.
type sandbox struct {
	run      *task.Run
	greeting greeting
	kill     context.CancelFunc
	done     chan struct{} // closed when the fields below are set

	status engines.Status
	err    error
}

func (s *sandbox) work(ctx context.Context) {
	defer close(s.done)
	defer s.kill() // frees the context
	begin := time.Now()
	if err := s.greeting.perform(ctx, s.run.Dir, s.run.Log); err != nil {
		s.err = fmt.Errorf("%s: %w", Name, err)
		return
	}
	switch code := s.greeting.ExitCode; {
	case ctx.Err() != nil:
		s.status = engines.Status{Aborted: true, ExitCode: engines.ExitAborted, Reason: "aborted"}
	case code != 0:
		s.status = engines.Status{ExitCode: code, Reason: fmt.Sprintf("exit status %d", code)}
	default:
		s.status = engines.Status{Success: true}
	}
	s.status.Duration = time.Since(begin)
}

// Wait implements engines.Sandbox.
func (s *sandbox) Wait(ctx context.Context) (engines.Result, error) {
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s.err != nil {
		return nil, s.err
	}
	return &result{commands.Files{Dir: s.run.Dir}, s.status}, nil
}

// Kill implements engines.Sandbox. There is nobody who could be asked first.
func (s *sandbox) Kill(ctx context.Context, _ time.Duration) error {
	s.kill()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// result is what is left.
type result struct {
	commands.Files
	status engines.Status
}

// Status implements engines.Result.
func (r *result) Status() engines.Status { return r.status }

// Dispose implements engines.Result. Nothing is held.
func (*result) Dispose(context.Context) error { return nil }

// leave writes a file and makes the folders that it is in.
func leave(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err //nolint:wrapcheck // names it
	}
	return os.WriteFile(path, []byte(text), 0o600) //nolint:wrapcheck // names it
}
