package taskrun

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

const (
	// reclaimAhead is how long before its end a claim is prolonged.
	reclaimAhead = 3 * time.Minute
	// reclaimAgain is how soon a failed attempt is repeated.
	reclaimAgain = 10 * time.Second
	// reclaimLeast keeps a service that gives very short claims from being hammered.
	reclaimLeast = time.Second
)

// keeper keeps the claim of a run, and its newest credentials.
type keeper struct {
	mu    sync.Mutex
	creds tc.Credentials
	until time.Time
}

func newKeeper(c tc.Claim) *keeper { return &keeper{creds: c.Credentials, until: c.TakenUntil} }

// credentials is a tc.Source.
func (k *keeper) credentials() tc.Credentials {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.creds
}

// run prolongs the claim until ctx ends (then it returns nil) or the claim is lost. One failed
// attempt is no reason to give up: it goes on until the claim has really ended.
func (k *keeper) run(ctx context.Context, queue tc.Run, logger *slog.Logger) error {
	next := k.until.Add(-reclaimAhead)
	if left := time.Until(k.until); left < 2*reclaimAhead {
		next = time.Now().Add(max(left/2, reclaimLeast))
	}
	for {
		if !sleepUntil(ctx, next) {
			return nil
		}
		until, creds, err := queue.Reclaim(ctx)
		switch {
		case err == nil:
			k.set(until, creds)
			logger.Debug("reclaimed", "until", until)
			next = until.Add(-min(reclaimAhead, time.Until(until)/2))
			continue
		case ctx.Err() != nil:
			return nil
		case tc.Status(err) == http.StatusConflict:
			return fmt.Errorf("%w: %w", ErrLost, err)
		case !time.Now().Round(0).Before(k.until):
			return fmt.Errorf("%w: the claim expired: %w", ErrLost, err)
		}
		logger.Warn("the claim could not be prolonged; trying again", "until", k.until, "error", err)
		next = time.Now().Add(min(reclaimAgain, max(time.Until(k.until), reclaimLeast)))
	}
}

func (k *keeper) set(until time.Time, creds tc.Credentials) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until, k.creds = until, creds
}

// sleepUntil waits for t on the wall clock; false when ctx ended first. It looks at the clock
// every minute, as timers stand still while a machine sleeps.
func sleepUntil(ctx context.Context, t time.Time) bool {
	for {
		left := t.Round(0).Sub(time.Now().Round(0))
		if left <= 0 {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(min(left, time.Minute))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}
