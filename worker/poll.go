package worker

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

const (
	// noRoomWait is how long a worker without space waits for what may free some.
	noRoomWait = 10 * time.Second
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

// consider starts a poll if one is due, or ends the worker that has run all its tasks.
func (w *Worker) consider(ctx context.Context) {
	if !w.mayPoll() {
		return
	}
	if w.deps.Remaining() <= 0 {
		w.drain(EndEnough)
		return
	}
	free := w.free()
	if free <= 0 || time.Now().Before(w.notTill) {
		return
	}
	if err := w.deps.Room(); err != nil {
		w.deps.Logger.Error("no task is claimed", "error", err)
		if len(w.running) == 0 && w.cleaning == 0 {
			w.drain(EndNoRoom)
			return
		}
		w.notTill = time.Now().Add(noRoomWait)
		return
	}
	if w.deps.Terminate != nil && time.Since(w.asked) >= askEvery {
		w.ask(ctx, false)
	}
	ctx, w.polling = context.WithTimeout(ctx, pollTimeout)
	w.owned.Go(func() { w.polls <- w.poll(ctx, free) })
}

// mayPoll tells whether nothing speaks against a poll, but perhaps a lack of slots.
func (w *Worker) mayPoll() bool { return !w.draining && w.polling == nil && !w.leaving }

// poll makes one claimWork.
func (w *Worker) poll(ctx context.Context, tasks int) poll {
	begin := time.Now()
	claims, err := w.deps.Claim(ctx, tasks)
	return poll{claims, err, time.Since(begin)}
}

// polled starts what a poll brought, or decides when to poll again.
func (w *Worker) polled(ctx context.Context, p poll) {
	w.polling()
	w.polling = nil
	for _, c := range p.claims {
		w.start(ctx, c)
	}
	switch {
	case p.err != nil && !w.draining:
		w.deps.Logger.Warn("claimWork failed; if its reply was lost, a claim may be lost until it expires", "error", p.err)
		w.backOff()
	case len(p.claims) == 0 && p.took < atOnce:
		w.backOff()
	default:
		w.failures = 0
	}
	if !w.draining && w.idle() {
		if w.deps.Terminate == nil {
			w.drain(EndIdle)
		} else {
			w.ask(ctx, true)
		}
	}
}

// idle tells whether there has been no task for too long.
func (w *Worker) idle() bool {
	return w.deps.Idle > 0 && len(w.running) == 0 && time.Since(w.active) >= w.deps.Idle
}

// backOff waits longer after each failure: 1 to 2 s, then 2 to 4, up to a minute.
func (w *Worker) backOff() {
	step := time.Second << min(w.failures, 5)
	w.failures++
	w.notTill = time.Now().Add(step + time.Duration(rand.Int64N(int64(step)))) //nolint:gosec // nobody gains by guessing it
}
