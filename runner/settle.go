package runner

import (
	"cmp"
	"context"
	"fmt"

	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/policy"
)

// ending is how the work on a machine ended, or why there never was any.
type ending struct {
	row    policy.Row
	worker *launch.End // nil when no worker has run to its end
	asked  bool        // the worker asked that the machine goes
	// leaves says that the work had been ended, by a notice, a command or the worker itself: the
	// machine is released as one that has finished, however its worker ended after that.
	leaves bool
	// again says that the work goes on when this program is started again.
	again bool
	err   error // our own failure, nil when there was none
}

// failed is the ending of a start that did not get as far as a worker.
func (r *runner) failed(ctx context.Context, err error) ending {
	if ctx.Err() != nil {
		r.log.Info("stopped", "cause", context.Cause(ctx), "while", err)
		return ending{row: policy.Stopped}
	}
	return ending{row: policy.Broken, err: err}
}

// plan is what the policy makes of an ending.
func (r *runner) plan(e ending) policy.Rule {
	rule := r.config.Policy[e.row]
	if e.leaves {
		rule.Release, rule.Hold = r.config.Policy[policy.Finished].Release, 0
	}
	if e.asked && !r.config.Place.Kind.Ephemeral {
		rule.Release = policy.PowerOff // judge has seen that the config allows it
	}
	if e.err != nil && rule.Exit == 0 && e.row != policy.Broken {
		rule.Exit = r.config.Policy[policy.Broken].Exit
	}
	if r.config.ExitWithWorkerCode && e.worker != nil && e.worker.Code >= 0 {
		rule.Exit = e.worker.Code
	}
	return rule
}

// settle does with the machine what the policy says. m is nil when the machine never registered.
// The error carries the exit code.
func (r *runner) settle(ctx context.Context, m *machine, e ending) error {
	r.tell.close()
	if e.again {
		return &WorkerError{Row: e.row, Code: ExitAgain}
	}
	if e.row == policy.Broken {
		r.complain(ctx, m, e)
	}
	rule := r.plan(e)
	if e.row == policy.Stopped && m == nil {
		rule.Release = policy.Keep // whoever stops a start goes on with the machine
	}
	r.log.Info("the work has ended", "row", e.row, "release", rule.Release, "exit", rule.Exit)
	r.hold(ctx, rule)
	if err := r.release(ctx, m, rule.Release); err != nil {
		r.board.failed(err)
		r.log.Error("the machine could not be released", "error", err)
		rule.Exit = cmp.Or(rule.Exit, 1)
		e.err = cmp.Or(e.err, err)
	}
	if rule.Exit == 0 {
		return nil
	}
	failed := &WorkerError{Row: e.row, Code: rule.Exit, Err: e.err}
	if e.worker != nil {
		failed.End = *e.worker
	}
	return failed
}

// complain logs and reports why a machine does no work.
func (r *runner) complain(ctx context.Context, m *machine, e ending) {
	err := e.err
	kind, title := "start-failed", "start-worker could not start the worker"
	if e.worker != nil {
		kind, title = "worker-failed", "the worker does not work on this machine"
	}
	if err == nil {
		err = fmt.Errorf("the worker ended with %s", e.worker.Text)
	}
	r.board.failed(err)
	r.log.Error("this machine cannot work", "error", err)
	if m != nil {
		r.report(ctx, m, kind, title, err)
	}
}
