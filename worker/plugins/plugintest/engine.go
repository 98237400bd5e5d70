package plugintest

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// engine is one without commands. It has every ability there is.
type engine struct {
	// at is told of each stage, "engine.Start" for example, and may fail it.
	at func(ctx context.Context, stage string) error
	// leave puts into the task directory what the commands leave; nil is nothing.
	leave func(dir string)
	// stay has the commands run until they are killed.
	stay bool
}

// Name implements engines.Engine.
func (*engine) Name() string { return "scripted" }

// Payload implements engines.Engine.
func (*engine) Payload() payload.Fragment { return payload.Fragment{} }

// NewBuilder implements engines.Engine.
func (e *engine) NewBuilder(ctx context.Context, run *task.Run) (engines.Builder, error) {
	if err := e.at(ctx, "engine.NewBuilder"); err != nil {
		return nil, err
	}
	return e.sandbox(ctx, run), nil
}

func (e *engine) sandbox(ctx context.Context, run *task.Run) *sandbox {
	// All who wait are given the same, also when a plugin is the first of them.
	waited := sync.OnceValue(func() error { return e.at(context.WithoutCancel(ctx), "engine.Wait") })
	return &sandbox{engine: e, run: run, killed: make(chan struct{}), waited: waited}
}

// sandbox is all stages but the result.
type sandbox struct {
	*engine
	run    *task.Run
	once   sync.Once
	killed chan struct{}
	waited func() error
}

var (
	_ engines.Mounter  = (*sandbox)(nil)
	_ engines.Proxier  = (*sandbox)(nil)
	_ engines.Servicer = (*sandbox)(nil)
)

// Setenv implements engines.Builder.
func (*sandbox) Setenv(string, string) error { return nil }

// Discard implements engines.Builder.
func (*sandbox) Discard(context.Context) error { return nil }

// Mount implements engines.Mounter.
func (*sandbox) Mount(context.Context, engines.Mount) error { return nil }

// Service implements engines.Servicer.
func (*sandbox) Service(context.Context, engines.Service) error { return nil }

// Proxy implements engines.Proxier. Nobody calls the handler.
func (*sandbox) Proxy(_ context.Context, name string, _ http.Handler) (string, error) {
	return "http://" + name + ".invalid", nil
}

// Start implements engines.Builder.
func (s *sandbox) Start(ctx context.Context) (engines.Sandbox, error) {
	if err := s.at(ctx, "engine.Start"); err != nil {
		return nil, err
	}
	if s.leave != nil {
		s.leave(s.run.Dir)
	}
	return s, nil
}

// Wait implements engines.Sandbox.
func (s *sandbox) Wait(ctx context.Context) (engines.Result, error) {
	select {
	case <-s.killed:
		return &result{Result{Dir: s.run.Dir}, engines.Status{Aborted: true, ExitCode: engines.ExitAborted, Reason: "killed"}, s.at}, nil
	default:
	}
	if err := s.waited(); err != nil {
		return nil, err
	}
	if s.stay {
		select {
		case <-s.killed:
			return s.Wait(ctx)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return &result{Result{Dir: s.run.Dir}, engines.Status{Success: true}, s.at}, nil
}

// Kill implements engines.Sandbox.
func (s *sandbox) Kill(context.Context, time.Duration) error {
	s.once.Do(func() { close(s.killed) })
	return nil
}

// result is what the commands left, with the status of their end.
type result struct {
	Result
	status engines.Status
	at     func(ctx context.Context, stage string) error
}

// Status implements engines.Result.
func (r *result) Status() engines.Status { return r.status }

// Dispose implements engines.Result.
func (r *result) Dispose(ctx context.Context) error { return r.at(ctx, "engine.Dispose") }
