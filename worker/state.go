package worker

import "slices"

// State is where a worker stands; the package's doc draws the ways between them.
type State int

// The states of a worker.
const (
	Starting State = iota // before Run has looked for work
	Claiming              // it may take more tasks than it has
	Full                  // each slot has a task, or the tasks that it may run are all running
	Draining              // it takes no more tasks, and ends with those that it has
	Stopped               // nothing that it started goes on
)

// String names the state in the log.
func (s State) String() string {
	return [...]string{"starting", "claiming", "full", "draining", "stopped"}[s]
}

// follows tells whether the drawing has a way from s to next.
func (s State) follows(next State) bool {
	return slices.Contains([...][]State{
		Starting: {Claiming, Draining, Stopped},
		Claiming: {Full, Draining, Stopped},
		Full:     {Claiming, Draining, Stopped},
		Draining: {Stopped},
		Stopped:  {},
	}[s], next)
}

// stand is the state that follows from what the worker has, the only place that says so.
func (w *Worker) stand() State {
	switch {
	case w.draining && len(w.running) == 0 && w.polling == nil && w.cleaning == 0 && !w.collecting:
		return Stopped
	case w.draining:
		return Draining
	case w.free() <= 0:
		return Full
	default:
		return Claiming
	}
}

// move notes the state that the worker has come to.
func (w *Worker) move() State {
	next := w.stand()
	if next == w.state {
		return next
	}
	if !w.state.follows(next) {
		w.deps.Logger.Error("the worker went a way that is not drawn", "from", w.state.String(), "to", next.String())
	}
	w.deps.Logger.Debug("the worker's state", "state", next.String())
	w.state = next
	return next
}
