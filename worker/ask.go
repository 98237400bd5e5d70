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

// answer is worker-manager's, to the question whether the worker should end.
type answer struct {
	terminate bool
	idle      bool // it was asked as there was no task for too long
}

// ask asks worker-manager beside everything else, unless it is being asked already.
func (w *Worker) ask(ctx context.Context, idle bool) {
	if w.asking {
		return
	}
	w.asking, w.leaving, w.asked = true, idle, time.Now()
	w.owned.Go(func() {
		ctx, done := context.WithTimeout(ctx, askTimeout)
		defer done()
		w.answers <- answer{w.deps.Terminate(ctx), idle}
	})
}

// answered ends the worker when worker-manager wants that. A worker that it wants to stay has
// not been idle, so to say.
func (w *Worker) answered(a answer) {
	w.asking, w.leaving = false, false
	switch {
	case a.terminate && a.idle && w.idle():
		w.drain(EndIdle)
	case a.terminate:
		w.drain(EndTerminated)
	case a.idle:
		w.active = time.Now()
	}
}
