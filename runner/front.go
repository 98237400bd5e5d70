package runner

import (
	"context"

	"github.com/workerkit/workerkit/runner/control"
)

// front is what others see of a runner.
type front struct{ r *runner }

var _ control.Runner = front{}

// Status implements control.Runner.
func (f front) Status() control.Status { return f.r.board.status() }

// Drain implements control.Runner. When there is no worker yet, there will be none.
func (f front) Drain(ctx context.Context, finishTasks bool) error {
	f.r.log.Info("a command ends the work", "finishTasks", finishTasks)
	heard, err := f.r.drain(order{finish: finishTasks})
	if err != nil {
		return err
	}
	select {
	case <-heard:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// obeySignals drains, or renews, at every signal.
func (r *runner) obeySignals(ctx context.Context) {
	for {
		select {
		case _, open := <-r.deps.DrainSignals:
			if !open {
				return
			}
			r.log.Info("a signal ends the work; tasks are finished")
			if _, err := r.drain(order{finish: true}); err != nil {
				r.log.Warn("nothing is drained", "error", err)
			}
		case _, open := <-r.deps.RenewSignals:
			if !open {
				return
			}
			r.log.Info("a signal asks for what is installed now; tasks are finished before that")
			if _, err := r.tell.drain(order{finish: true, again: true}); err != nil {
				r.log.Warn("nothing is renewed", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// drain orders that the work ends.
func (r *runner) drain(o order) (<-chan struct{}, error) {
	heard, err := r.tell.drain(o)
	if err == nil {
		r.board.enter(control.Draining)
	}
	return heard, err
}
