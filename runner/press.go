package runner

import "time"

// leaveBefore is how long before its deadline a worker that finishes its tasks is told to leave
// them: it must still say what became of them.
const leaveBefore = time.Minute

// due is when to press a worker that has been told to end; zero is never. A worker that may
// finish its tasks has until shortly before the deadline; one that must end at once has the
// grace, or until the deadline when that is later.
func (t *teller) due(told *standing) time.Time {
	switch {
	case told == nil || (told.finish && told.deadline.IsZero()):
		return time.Time{}
	case told.finish:
		return told.deadline.Add(-min(leaveBefore, told.deadline.Sub(told.given)/2))
	}
	if limit := told.given.Add(t.grace); limit.After(told.deadline) {
		return limit
	}
	return told.deadline
}

// press is what follows when the worker is still there at that time.
func (t *teller) press(w listener, told *standing) {
	if told.finish {
		t.log.Warn("the worker has not finished its tasks; it must leave them", "deadline", told.deadline)
		_, _ = t.drain(order{deadline: told.deadline}) // while a worker runs there is one to drain
		return
	}
	t.log.Warn("the worker takes no notice; stopping it", "after", time.Since(told.given).Round(time.Second))
	w.Stop(0)
}
