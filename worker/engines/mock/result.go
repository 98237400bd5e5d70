package mock

import (
	"context"
	"time"

	"github.com/workerkit/workerkit/worker/commands"
	"github.com/workerkit/workerkit/worker/engines"
)

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
	return result{commands.Files{Dir: s.run.Dir}, s.status}, nil
}

// Kill implements engines.Sandbox.
func (s *sandbox) Kill(ctx context.Context, _ time.Duration) error {
	s.once.Do(func() { close(s.killed) })
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type result struct {
	commands.Files
	status engines.Status
}

// Status implements engines.Result.
func (r result) Status() engines.Status { return r.status }

// Dispose implements engines.Result.
func (result) Dispose(context.Context) error { return nil }
