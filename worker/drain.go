package worker

import (
	"sync"
	"time"

	"github.com/workerkit/workerkit/worker/task"
)

const (
	// windUp is how long before the machine goes away tasks that still run are aborted.
	windUp = time.Minute
	// drainPoll is how long a draining worker waits for a claimWork in flight. The queue answers
	// after 20 s.
	drainPoll = 25 * time.Second
)

// wish is what somebody outside asks of the worker; a greater one includes the smaller ones.
type wish int

const (
	wishNothing wish = iota
	wishFinish       // claim no more
	wishAbort        // and abort the tasks
	wishStop         // and wait for no claimWork
)

// wishes keeps the greatest wish, and the nearest deadline, until the loop has time for them.
type wishes struct {
	news chan struct{}

	mu       sync.Mutex
	highest  wish
	deadline time.Time // when the machine goes away; zero when nobody said
}

func newWishes() wishes { return wishes{news: make(chan struct{}, 1)} }

func (w *wishes) raise(to wish, deadline time.Time) {
	w.mu.Lock()
	w.highest = max(w.highest, to)
	if w.deadline.IsZero() || !deadline.IsZero() && deadline.Before(w.deadline) {
		w.deadline = deadline
	}
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default: // it is being told already
	}
}

func (w *wishes) get() (highest wish, deadline time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.highest, w.deadline
}

// Drain makes the worker end: it claims no more, and the running tasks are finished or, if not
// finish, resolved as worker-shutdown at once. A claimWork in flight is waited for up to 25 s, as
// a claim whose reply is lost blocks its task for 20 minutes; what it brings is handed back.
//
// The deadline is when the machine goes away; zero is not known. What is not finished a minute
// before is aborted then. A later call can only ask for more, or for it earlier.
func (w *Worker) Drain(finish bool, deadline time.Time) {
	if finish {
		w.wishes.raise(wishFinish, deadline)
	} else {
		w.wishes.raise(wishAbort, deadline)
	}
}

// Stop is Drain without finishing, for somebody in a hurry: no claimWork is waited for.
func (w *Worker) Stop() { w.wishes.raise(wishStop, time.Time{}) }

// obey does what was asked for. It may be called again and again.
func (w *Worker) obey() {
	highest, _ := w.wishes.get()
	if highest > wishNothing {
		w.drain(EndDrained)
	}
	late := w.abortDue()
	if highest >= wishAbort || !late.IsZero() && !time.Now().Before(late) {
		w.abort()
	}
	if w.polling != nil && (highest >= wishStop || w.overdue()) {
		w.giveUp = time.Time{}
		w.polling()
	}
}

// drain makes the worker end for this reason. A later reason does not change the first.
func (w *Worker) drain(end End) {
	if w.draining {
		return
	}
	w.draining, w.end = true, end
	if w.polling != nil {
		w.giveUp = time.Now().Add(drainPoll)
	}
}

// overdue tells whether the poll in flight has been waited for long enough.
func (w *Worker) overdue() bool { return !w.giveUp.IsZero() && !time.Now().Before(w.giveUp) }

// abortDue is when the tasks that still run are to be aborted; zero when never, or when they were.
func (w *Worker) abortDue() time.Time {
	highest, deadline := w.wishes.get()
	if highest != wishFinish || deadline.IsZero() || w.aborting {
		return time.Time{}
	}
	return deadline.Add(-windUp)
}

// abort has the running tasks resolved as worker-shutdown.
func (w *Worker) abort() {
	if w.aborting {
		return
	}
	w.aborting = true
	for _, run := range w.running {
		run.Abort(w.errShutdown())
	}
}

// errShutdown is the cause of an abort. Each run has its own.
func (w *Worker) errShutdown() error {
	err := task.Shutdown("the worker is going away; the queue tries the task again")
	_, err.Deadline = w.wishes.get()
	return err
}
