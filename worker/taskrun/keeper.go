package taskrun

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

const (
	// reclaimAhead is how long before its end a claim is prolonged.
	reclaimAhead = 3 * time.Minute
	// reclaimAgain is how soon a failed attempt is repeated.
	reclaimAgain = 10 * time.Second
	// reclaimTimeout bounds one attempt.
	reclaimTimeout = 30 * time.Second
	// reclaimLeast keeps a service that gives very short claims from being hammered.
	reclaimLeast = time.Second
	// deadlineGrace is how long after the task's deadline the queue has surely noticed it.
	deadlineGrace = 5 * time.Second
)

// keeper keeps the claim of a run, and its newest credentials.
type keeper struct {
	deadline time.Time // of the task; zero when it is not known

	mu    sync.Mutex
	creds tc.Credentials
	until time.Time
}

func newKeeper(c tc.Claim, deadline time.Time) *keeper {
	return &keeper{deadline: deadline, creds: c.Credentials, until: c.TakenUntil}
}

// credentials is a tc.Source.
func (k *keeper) credentials() tc.Credentials {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.creds
}

// run prolongs the claim until ctx ends (then it returns nil) or the claim is lost. One failed
// attempt is no reason to give up: it goes on until the claim has really ended. note is told of
// each new claim.
func (k *keeper) run(ctx context.Context, queue tc.Run, logger *slog.Logger, note func(time.Time, tc.Credentials)) error {
	next := k.next(k.until)
	for {
		if !retry.SleepUntil(ctx, next) {
			return nil
		}
		until, creds, err := k.reclaim(ctx, queue)
		switch {
		case err == nil:
			k.set(until, creds)
			note(until, creds)
			logger.Debug("reclaimed", "until", until)
			next = k.next(until)
			continue
		case ctx.Err() != nil:
			return nil
		case tc.Status(err) == http.StatusConflict:
			return fmt.Errorf("%w: %w", ErrLost, err)
		case !retry.Wall().Before(k.until.Round(0)):
			return fmt.Errorf("%w: the claim expired: %w", ErrLost, err)
		}
		logger.Warn("the claim could not be prolonged; trying again", "until", k.until, "error", err)
		next = retry.Wall().Add(min(reclaimAgain, max(k.until.Sub(retry.Wall()), reclaimLeast)))
	}
}

// next is when to prolong a claim next. The queue ends a task at its deadline without telling the
// worker, so the worker asks just after it.
func (k *keeper) next(until time.Time) time.Time {
	at, late := reclaimAt(until), k.deadline.Round(0).Add(deadlineGrace)
	if late.Before(at) && late.After(retry.Wall()) {
		return late
	}
	return at
}

// reclaimAt is when a claim is to be prolonged: some time ahead of its end, or half-way there
// when it is short.
func reclaimAt(until time.Time) time.Time {
	left := until.Round(0).Sub(retry.Wall())
	return retry.Wall().Add(max(left-min(reclaimAhead, left/2), reclaimLeast))
}

// reclaim makes one attempt, which must not hang for longer than there is to lose.
func (k *keeper) reclaim(ctx context.Context, queue tc.Run) (time.Time, tc.Credentials, error) {
	ctx, done := context.WithTimeout(ctx, reclaimTimeout)
	defer done()
	return queue.Reclaim(ctx)
}

func (k *keeper) set(until time.Time, creds tc.Credentials) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until, k.creds = until, creds
}
