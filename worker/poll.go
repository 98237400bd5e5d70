package worker

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

const (
	// atOnce is how quickly an empty reply comes from a service that does not wait.
	atOnce = time.Second
	// pollTimeout ends a poll that the service has forgotten; it waits for 20 s itself.
	pollTimeout = 50 * time.Second
)

// poll is what a claimWork brought.
type poll struct {
	claims []tc.Claim
	err    error
	took   time.Duration
}

// consider starts a poll if one is due, or ends the worker that has nothing more to do.
func (w *Worker) consider(ctx context.Context) {
	switch {
	case w.draining:
		return
	case w.left <= 0:
		w.drain(EndEnough)
		return
	case w.idle():
		w.leave(ctx)
	}
	if due := w.pollDue(); due.IsZero() || time.Now().Before(due) {
		return
	}
	tasks := w.space(ctx, w.wanted())
	if tasks == 0 {
		return
	}
	w.ask(ctx, askEvery)
	ctx, w.polling = context.WithTimeout(ctx, pollTimeout)
	w.owned.Go(func() { w.polls <- w.poll(ctx, tasks) })
}

// pollDue is when the next poll is due; zero when none is.
func (w *Worker) pollDue() time.Time {
	if w.draining || w.leaving || w.collecting || w.polling != nil || w.wanted() <= 0 {
		return time.Time{}
	}
	due := w.faults.till
	if w.notTill.After(due) {
		due = w.notTill
	}
	if due.IsZero() {
		return time.Now()
	}
	return due
}

// wanted is how many tasks to ask for: after too many faults, one at a time.
func (w *Worker) wanted() int {
	if w.faults.tooMany() {
		return min(1, w.free()) - len(w.running)
	}
	return w.free()
}

// poll makes one claimWork.
func (w *Worker) poll(ctx context.Context, tasks int) poll {
	begin := time.Now()
	claims, err := w.deps.Claim(ctx, tasks)
	return poll{claims, err, time.Since(begin)}
}

// polled starts what a poll brought, or decides when to poll again.
func (w *Worker) polled(ctx context.Context, p poll) {
	w.polling()
	w.polling, w.giveUp = nil, time.Time{}
	for _, c := range p.claims {
		w.start(ctx, c)
	}
	switch {
	case p.err != nil:
		w.failed(p.err)
	case len(p.claims) == 0 && p.took < atOnce:
		w.backOff()
	default:
		w.failures, w.notTill = 0, time.Time{}
	}
}

// failed notes a poll that brought an error. Only a reply from the queue itself is sure to have no
// tasks in it.
func (w *Worker) failed(err error) {
	if status := tc.Status(err); status == 0 || status >= http.StatusInternalServerError {
		w.deps.Logger.Warn("claimWork failed; if its reply was lost, a claim may be lost until it expires", "error", err)
		w.deps.MayBeLost(err)
	} else {
		w.deps.Logger.Warn("claimWork failed; the queue refused it", "error", err)
	}
	w.backOff()
}

// backOff waits longer after each failure: 1 to 2 s, then 2 to 4, up to a minute.
func (w *Worker) backOff() {
	const most = 5 // 2^5 s, and as much again by chance
	w.notTill = time.Now().Add(jittered(time.Second << min(w.failures, most)))
	w.failures++
}

// jittered is d to 2d.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d))) //nolint:gosec // nobody gains by guessing it
}
