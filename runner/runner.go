// Package runner is the life of a machine that becomes a worker: find out who it is, register,
// render the worker's config, launch the worker, keep its credentials fresh, and clean up.
package runner

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/policy"
)

// Deps are the runner's hands. Only cmd/start-worker fills them with the real ones.
type Deps struct {
	Log  *slog.Logger
	HTTP *http.Client
	// Metadata carries the calls of metadata services; see internal/imds.
	Metadata http.RoundTripper
	// Stdout gets what the dummy worker prints; Stderr is the worker's standard error, best a
	// file.
	Stdout, Stderr io.Writer
	BootTime       func() (time.Time, error)
	// PowerOff switches the machine off: the one command that can do so.
	PowerOff func(context.Context) error
	// Patience is how long calls to a deployment that does not answer are repeated, Fallback
	// how long they are when there is saved state to go on with.
	Patience, Fallback time.Duration
	// Grace is how long a worker that was asked to end may take before it is killed.
	Grace time.Duration
}

// WorkerError means that the worker did not end well; the error before it may be in the log.
type WorkerError struct{ End launch.End }

// Error implements error.
func (e *WorkerError) Error() string { return "the worker ended with " + e.End.Text }

// Run is the whole life of a machine; it returns when the worker has ended and the machine is
// taken care of. When ctx ends, the worker is asked to end, and killed after Deps.Grace.
func Run(ctx context.Context, c config.Config, d Deps) error {
	r := &runner{config: c, deps: d, log: d.Log, ours: newProbe(ctx, c)}
	defer r.ours.wait()
	provider := c.Place.Kind.New(c.Place.Values, providers.Deps{Log: d.Log, Metadata: d.Metadata})
	id, err := provider.Identify(ctx)
	if err != nil {
		return fmt.Errorf("identify the worker: %w", err)
	}
	r.identity = id
	say(ctx, d.Log, slog.LevelInfo, "Identified as worker "+id.WorkerGroup+"/"+id.WorkerID, slog.String("provider", c.Place.Kind.Name), slog.String("because", c.Place.Why))
	r.client = tc.New(id.RootURL, d.HTTP, r.patience(d.Patience))
	m, err := r.bringUp(ctx, provider)
	if err != nil {
		return err
	}
	if c.Worker.Implementation == config.Dummy {
		return r.show(m)
	}
	end, err := r.work(ctx, provider, m)
	if err != nil {
		return err
	}
	return r.cleanUp(ctx, m, end)
}

// patience is how long calls are repeated, and how the log hears of it.
func (r *runner) patience(total time.Duration) retry.Policy {
	p := retry.API()
	p.Total = total
	p.Notify = r.noAnswer()
	return p
}

// ended is how the work ended.
type ended struct {
	Code           int
	Asked, Stopped bool
}

// cleanUp does with the machine what the policy says.
func (r *runner) cleanUp(ctx context.Context, m *machine, end ended) error {
	action := r.config.Policy[policy.Of(end.Code)]
	off := action.Release == policy.PowerOff
	if action.Release == policy.Remove {
		err := r.remove(ctx, m)
		if off = err != nil; off {
			r.log.Error("the worker could not be removed; switching the machine off", "error", err)
		} else {
			r.log.Info("removed the worker")
		}
	}
	if off {
		if err := r.powerOff(ctx); err != nil {
			return fmt.Errorf("switch the machine off: %w", err)
		}
	}
	if action.Exit != 0 {
		return &WorkerError{m.end}
	}
	return nil
}

// lastSteps is how long each step of cleaning up may take. Each has its own time: a removal
// that nobody answers must leave enough to switch the machine off. The end of ctx, which may
// be why the worker has ended, stops neither.
const lastSteps = 2 * time.Minute

func (r *runner) remove(ctx context.Context, m *machine) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), lastSteps)
	defer done()
	return m.session.Remove(ctx)
}

func (r *runner) powerOff(ctx context.Context) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), lastSteps)
	defer done()
	return r.deps.PowerOff(ctx)
}
