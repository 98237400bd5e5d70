package worker

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

const (
	// cleanTime bounds what a run may take to free everything once it is resolved.
	cleanTime = 5 * time.Minute
	// quietAfter is how long nothing must run before Quiet is called.
	quietAfter = time.Second
)

// ended is a run that has ended.
type ended struct {
	slot    int
	outcome taskrun.Outcome
}

// free is how many more tasks may run now.
func (w *Worker) free() int { return min(w.deps.Capacity, w.left) - len(w.running) }

// slot is the lowest that is free.
func (w *Worker) slot() int {
	for slot := 0; ; slot++ {
		if _, taken := w.running[slot]; !taken {
			return slot
		}
	}
}

// start begins a run. One that came while draining is handed back, and so is one that was not
// asked for.
func (w *Worker) start(ctx context.Context, c tc.Claim) {
	unwanted := w.draining || w.free() <= 0
	slot := w.slot()
	run := w.deps.NewRun(c, slot)
	w.running[slot] = run
	w.active, w.quiet, w.unsaid, w.leaving = time.Now(), time.Time{}, true, false
	if unwanted {
		run.Abort(w.errShutdown())
	}
	w.owned.Go(func() {
		o := w.outcome(ctx, run)
		w.finished <- ended{slot, o}
		w.deps.Resolved(c, o)
		cleaning, done := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
		defer done()
		run.Clean(cleaning)
		w.cleaned <- struct{}{}
	})
}

// outcome keeps the worker alive when a run's own code panics: its claim expires.
func (w *Worker) outcome(ctx context.Context, run Run) (o taskrun.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			w.deps.Logger.Error("panic", "taskId", run.TaskID(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			o = taskrun.Outcome{Err: task.Internal("the worker failed")}
		}
	}()
	return run.Run(ctx)
}

// ended frees the slot of a run, which goes on deleting what it leaves.
func (w *Worker) ended(e ended) {
	delete(w.running, e.slot)
	w.left--
	w.cleaning++
	w.active, w.unsaid = time.Now(), true
	if len(w.running) == 0 {
		w.quiet = w.active.Add(quietAfter)
	}
	w.judge(e.outcome)
}

// clean runs fn, which deletes things, beside the loop.
func (w *Worker) clean(fn func()) {
	w.cleaning++
	w.owned.Go(func() {
		fn()
		w.cleaned <- struct{}{}
	})
}
