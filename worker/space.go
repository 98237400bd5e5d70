package worker

import (
	"context"
	"time"
)

// space is for how many of so many tasks there is room. With room for none it has some made, and
// ends the worker when nothing can make any.
func (w *Worker) space(ctx context.Context, tasks int) int {
	room, err := w.deps.Room(tasks)
	if room > 0 {
		w.barren = false
		return min(room, tasks)
	}
	switch {
	case !w.barren:
		w.collecting = true
		w.owned.Go(func() { w.collected <- w.deps.Collect(ctx) })
	case len(w.running) == 0 && w.cleaning == 0:
		w.deps.Logger.Error("there is no space for a task, and nothing to delete", "error", err)
		w.drain(EndNoRoom)
	default: // until something ends, or a task deletes what it made
		w.deps.Logger.Warn("no task is claimed", "error", err)
		w.backOff()
	}
	return 0
}

// spaceMade has the room looked at again if it is for that that the next poll waits.
func (w *Worker) spaceMade(some bool) {
	wasBarren := w.barren
	w.barren = !some
	if wasBarren && some {
		w.failures, w.notTill = 0, time.Time{}
	}
}
