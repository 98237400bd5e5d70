package taskrun

import (
	"context"
	"errors"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// What is left for the report, and for the log, when the machine goes away.
const (
	reportTime = 2 * time.Second
	logTime    = 8 * time.Second
)

// leaving is when the machine goes away, if that is why the run was aborted, and the cause of an abort.
func (r *Runner) leaving() (by time.Time, cause error) {
	cause = context.Cause(r.aborted)
	if e, ok := errors.AsType[*task.Error](cause); ok {
		return e.Deadline, cause
	}
	return time.Time{}, cause
}

// uploading enters a part of the uploads. Its context ends with ctx, when it is stuck, and so long
// before the machine goes away as what comes after it takes.
func (r *Runner) uploading(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	r.enter(uploading, end)
	stop := context.AfterFunc(r.aborted, func() { r.hurry(ctx, end, after) })
	return ctx, func() {
		stop()
		end(nil)
	}
}

// hurry ends a part of the uploads in time when the machine goes away.
func (r *Runner) hurry(ctx context.Context, end context.CancelCauseFunc, after time.Duration) {
	by, cause := r.leaving()
	if by.IsZero() {
		return
	}
	timer := time.NewTimer(by.Add(-after).Sub(r.deps.Now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		r.first.set(cause)
		end(cause)
	}
}

// finish completes the log and lets the plugins upload it.
func (r *Runner) finish(ctx context.Context, after time.Duration) {
	ctx, done := r.uploading(ctx, after)
	defer done()
	log := r.run.Log
	if err := r.first.get(); err != nil {
		log.Error("%v", err)
	}
	if _, err := log.Close(); err != nil {
		r.first.set(task.Internal("the log could not be stored: %w", err))
	}
	r.together(r.first.set, func(h hook) error {
		if f, ok := h.hooks.(plugins.Finisher); ok {
			return f.Finish(ctx)
		}
		return nil
	})
}

// stopped lets the plugins look at the result, then frees it.
func (r *Runner) stopped(ctx context.Context, after time.Duration, result engines.Result) {
	whole := ctx
	ctx, done := r.uploading(whole, after)
	defer func() { done() }()
	for _, h := range reversed(r.hooks) {
		s, ok := h.hooks.(plugins.Stopper)
		if !ok {
			continue
		}
		_, stays := h.hooks.(plugins.Stayer)
		if stays {
			r.enter(uploading, nil)
		}
		r.first.set(r.guard(h.name, func() error { return s.Stopped(ctx, result) }))
		if stays {
			done()
			ctx, done = r.uploading(whole, after)
		}
	}
	if result == nil {
		return
	}
	freeing, freed := bounded(ctx)
	defer freed()
	if err := r.guard(r.kind.Engine.Name(), func() error { return result.Dispose(freeing) }); err != nil {
		r.first.set(task.Internal("%w", err))
	}
}

// freeTime is how long an engine may take to free what a run held.
const freeTime = 2 * time.Minute

// bounded is for clean-up, which goes on when ctx has ended, but not for ever.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), freeTime)
}
