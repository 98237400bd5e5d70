package worker

import (
	"context"
	"time"
)

const (
	// askEvery bounds how often worker-manager is asked whether the worker should end.
	askEvery = 20 * time.Second
	// askTimeout bounds how long worker-manager may take to answer.
	askTimeout = 30 * time.Second
)

// ask asks worker-manager whether the worker should end, if it was last asked so long ago and is
// not being asked. Nothing waits for the answer.
func (w *Worker) ask(ctx context.Context, every time.Duration) {
	if w.deps.Terminate == nil || w.asking || time.Since(w.asked) < every {
		return
	}
	w.asking, w.asked = true, time.Now()
	w.owned.Go(func() {
		ctx, done := context.WithTimeout(ctx, askTimeout)
		defer done()
		w.answers <- w.deps.Terminate(ctx)
	})
}

// answered ends the worker when worker-manager wants that. An idle worker that it wants to stay
// has not been idle, so to say, and does not ask again at once.
func (w *Worker) answered(end bool) {
	w.asking = false
	switch {
	case w.idle() && end:
		w.leaving = true
	case w.idle():
		w.active = time.Now().Add(max(0, askEvery-w.deps.Idle))
	case end:
		w.drain(EndTerminated)
	}
}

// idle tells whether there has been no task for too long.
func (w *Worker) idle() bool {
	return w.deps.Idle > 0 && len(w.running) == 0 && time.Since(w.active) >= w.deps.Idle
}

// idleDue is when the worker will have been idle for too long; zero when that is known, or a task
// runs.
func (w *Worker) idleDue() time.Time {
	if w.deps.Idle <= 0 || w.draining || w.leaving || w.asking || len(w.running) > 0 {
		return time.Time{}
	}
	return w.active.Add(w.deps.Idle)
}

// leave ends an idle worker, if worker-manager agrees. A poll in flight may still bring a task:
// then the worker stays.
func (w *Worker) leave(ctx context.Context) {
	if w.deps.Terminate == nil {
		w.leaving = true
	}
	switch {
	case !w.leaving:
		w.ask(ctx, 0)
	case w.polling == nil:
		w.drain(EndIdle)
	}
}
