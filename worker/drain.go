package worker

import (
	"sync"

	"github.com/workerkit/workerkit/worker/task"
)

// wish is what somebody outside asks of the worker; a greater one includes the smaller ones.
type wish int

const (
	wishNothing wish = iota
	wishFinish       // claim no more
	wishAbort        // and abort the tasks
	wishStop         // and wait for no claimWork
)

// wishes keeps the greatest wish until the loop has time for it.
type wishes struct {
	news chan struct{}

	mu      sync.Mutex
	highest wish
}

func newWishes() wishes { return wishes{news: make(chan struct{}, 1)} }

func (w *wishes) raise(to wish) {
	w.mu.Lock()
	w.highest = max(w.highest, to)
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default: // it is being told already
	}
}

func (w *wishes) get() wish {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.highest
}

// Drain makes the worker end: it claims no more, and the running tasks are finished or, if not
// finish, resolved as worker-shutdown at once. A claimWork in flight is waited for, as a
// claim whose reply is lost blocks its task for 20 minutes. A later call can only ask for more.
func (w *Worker) Drain(finish bool) {
	if finish {
		w.wishes.raise(wishFinish)
	} else {
		w.wishes.raise(wishAbort)
	}
}

// Stop is Drain for somebody in a hurry: no claimWork is waited for.
func (w *Worker) Stop() { w.wishes.raise(wishStop) }

// obey does what was asked for. It may be called again and again.
func (w *Worker) obey() {
	highest := w.wishes.get()
	if highest == wishNothing {
		return
	}
	w.drain(EndDrained)
	if highest >= wishAbort {
		for _, run := range w.running {
			run.Abort(errShutdown()) // only the first cause counts
		}
	}
	if highest >= wishStop && w.polling != nil {
		w.polling()
	}
}

// drain makes the worker end for this reason. A later reason does not change the first.
func (w *Worker) drain(end End) {
	if !w.draining {
		w.draining, w.end = true, end
	}
}

func errShutdown() error {
	return task.Shutdown("the worker is going away; the queue tries the task again")
}
