package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/policy"
)

// Each step of a release has its own time: a removal that nobody answers must leave enough to
// switch the machine off. With a hold of ten minutes and its jitter a machine that cannot be
// removed is switched off within twelve.
const (
	removeWithin = 45 * time.Second
	offWithin    = time.Minute
	offAgain     = 5 * time.Second // between attempts to switch off
)

// Lost is for a program that cannot find out what to do: its config is unreadable, or it does
// not know where it runs. rule is the row Lost of the table, holdFile as in config.Config. It
// holds and releases the machine as rule says, and returns the error with the exit code.
func Lost(ctx context.Context, rule policy.Rule, holdFile string, cause error, d Deps) error {
	r := newRunner(ctx, config.Config{HoldFile: holdFile, Policy: policy.Table{policy.Lost: rule}}, d)
	defer r.ours.wait()
	r.board.failed(cause)
	defer r.serve(ctx)()
	return r.settle(ctx, nil, ending{row: policy.Lost, err: cause})
}

// hold keeps a machine that does no work, so that one bad key does not become a boot loop, and
// so that somebody can look. A stop cuts it short.
func (r *runner) hold(ctx context.Context, rule policy.Rule) {
	until := r.holdUntil(rule.Hold)
	if until.IsZero() || ctx.Err() != nil {
		return
	}
	r.board.enter(control.Holding)
	r.board.change(func(s *control.Status) { s.HoldUntil = until })
	r.log.Warn("the machine is held before it is released", "until", until, "release", rule.Release, "stopFile", r.config.HoldFile)
	wait(ctx, until)
	r.board.change(func(s *control.Status) { s.HoldUntil = time.Time{} })
}

// wait waits for a time on the wall clock, which goes on while the machine sleeps, and no longer
// than it is until then now: a clock that is put back must not make a hold of days.
func wait(ctx context.Context, until time.Time) {
	ctx, done := context.WithTimeout(ctx, until.Sub(retry.Wall()))
	defer done()
	retry.SleepUntil(ctx, until)
}

// holdUntil is when a hold of d, which counts from the machine's boot, ends; zero when it has
// ended. It varies by up to a tenth, so that machines that broke together do not all come back
// together. A clock that makes no sense makes no hold longer.
func (r *runner) holdUntil(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	boot, err := r.deps.BootTime()
	if err != nil {
		boot = r.begin
	}
	now := retry.Wall()
	left := min(boot.Add(d).Sub(now), d)
	if left <= 0 {
		return time.Time{}
	}
	return now.Add(left + time.Duration(float64(d)/10*r.deps.Random()))
}

// release gives the machine back, as the policy says. What ended ctx does not end this.
func (r *runner) release(ctx context.Context, m *machine, how policy.Release) error {
	if how == policy.Keep {
		return nil
	}
	if !r.free(ctx) {
		r.log.Warn("the machine is kept: somebody wants to look at it", "file", r.config.HoldFile)
		return nil
	}
	r.board.enter(control.Releasing)
	switch how {
	case policy.BootAgain:
		err := r.bootAgain(ctx, m)
		if err == nil || !r.config.Place.Kind.Ephemeral {
			return err
		}
		// nothing would ever end a cloud's machine that neither works nor boots
		return errors.Join(err, r.release(ctx, m, policy.Remove))
	case policy.Remove:
		if r.remove(ctx, m) {
			return nil
		}
		return r.release(ctx, m, policy.PowerOff) // the file may have come meanwhile
	case policy.PowerOff, policy.Keep:
	}
	if !r.proved() {
		r.log.Error("the machine is left on: neither its firmware nor a metadata service says that it is a cloud's", "provider", r.config.Place.Kind.Name)
		return nil
	}
	r.log.Warn("switching the machine off")
	return r.act(ctx, "switch the machine off", r.deps.PowerOff)
}

// proved tells whether the machine is what the config takes it for. Whoever describes a machine
// of somebody's own knows which one that is.
func (r *runner) proved() bool {
	kind := r.config.Place.Kind
	return !kind.Ephemeral || r.answered || (r.deps.Proves != nil && r.deps.Proves(kind))
}

// remove has worker-manager remove the worker, and tells whether it does.
func (r *runner) remove(ctx context.Context, m *machine) bool {
	if m == nil {
		r.log.Warn("the machine has never registered, and cannot be removed")
		return false
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer done()
	if err := m.session.Remove(ctx); err != nil {
		r.log.Error("the worker could not be removed; switching the machine off", "error", err)
		return false
	}
	r.log.Info("removed the worker")
	return true
}

// bootAgain boots the machine again. A worker that does so itself gets the time to: what it
// starts takes this program down, with a signal or without.
func (r *runner) bootAgain(ctx context.Context, m *machine) error {
	if ctx.Err() != nil {
		return nil
	}
	if m != nil && m.rebootsItself {
		r.log.Info("the worker boots the machine again", "waiting", r.deps.RebootGrace)
		if !pause(ctx, r.deps.RebootGrace) {
			return nil
		}
		r.log.Warn("the worker has not booted the machine again")
	}
	r.log.Warn("booting the machine again")
	return r.act(ctx, "boot the machine again", r.deps.Reboot)
}

// act does something to the whole machine, with repetitions: there is nothing else left to do.
func (r *runner) act(ctx context.Context, what string, do func(context.Context) error) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), offWithin)
	defer done()
	if err := retry.Do(ctx, retry.Policy{Initial: offAgain, Total: offWithin}, do); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// lookAgain is how often the hold file is looked for.
const lookAgain = 3 * time.Second

// free waits until the hold file is gone; false when ctx ended before that.
func (r *runner) free(ctx context.Context) bool {
	for first := true; r.held(); first = false {
		if first {
			r.board.enter(control.Holding)
			r.log.Warn("the machine is not released while this file is there", "file", r.config.HoldFile)
		}
		if !pause(ctx, lookAgain) {
			return false
		}
	}
	return true
}

// held tells whether the hold file is there. One that a task may have made must not keep a machine for ever: it does
// not count, and that is said once.
func (r *runner) held() bool {
	file := r.config.HoldFile
	if file == "" {
		return false
	}
	ours, err := private.Trusted(file)
	if ours || errors.Is(err, fs.ErrNotExist) {
		return ours
	}
	r.strange.Do(func() {
		r.log.Warn("this hold file does not count: its owner is neither an administrator nor the user that start-worker runs as", "file", file, "error", err)
	})
	return false
}
