package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/local/store"
)

// The kinds of timers, and what their ids are.
const (
	timerClaim    = "claim"    // a task
	timerDeadline = "deadline" // a task
	timerArtifact = "artifact" // the key of an artifact
	timerExpire   = "expire"   // a task
)

const (
	// claimGrace is how long after takenUntil a claim is taken to be lost.
	claimGrace = 3 * time.Second
	// timerBatch bounds how many timers are looked up at once.
	timerBatch = 100
	// timerPutOff is when a timer that failed is tried again.
	timerPutOff = time.Minute
	// timerRetry is how soon timers are tried again when the store refused.
	timerRetry = time.Second
	// timerIdle is how long the loop sleeps at most: it hears of earlier timers, so this only
	// bounds what a step of the clock can do.
	timerIdle = time.Minute
)

// timer is something to do at a time. What it finds then decides what there is to do.
type timer struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Due  Time   `json:"due"`
}

// key orders timers by when they are due. That of the zero timer is "".
func (t timer) key() string {
	if t.Kind == "" {
		return ""
	}
	return fmt.Sprintf("%013d/%s/%s", t.Due.UnixMilli(), t.Kind, t.ID)
}

func (c *change) setTimer(t timer) error {
	c.timers = true
	return c.Put(bucketTimer, t.key(), t)
}

// Run lets claims, deadlines, artifacts and tasks expire until ctx ends, which it returns as
// nil. It must not run twice at a time.
func (q *Queue) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		changed := q.timers.listen("")
		wait, err := q.fire(ctx)
		if err != nil && !errors.Is(err, context.Canceled) {
			q.deps.Logger.Error("queue timers failed, trying again", "err", err)
			wait = timerRetry
		}
		if wait == 0 {
			continue
		}
		sleep := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-sleep.C:
		}
		sleep.Stop()
	}
	return nil
}

// fire does what is due, at most timerBatch of it, and tells how long until there is more.
// Each timer has a transaction of its own: what fails is logged and put off, and keeps
// nothing else from happening.
func (q *Queue) fire(ctx context.Context) (time.Duration, error) {
	due, next, err := q.due(ctx)
	if err != nil || len(due) == 0 {
		return next, err
	}
	for _, t := range due {
		err := q.update(ctx, func(c *change) error { return errors.Join(c.fire(t), c.Delete(bucketTimer, t.key())) })
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		q.deps.Logger.Error("a timer of the queue failed, trying again later", "kind", t.Kind, "id", t.ID, "err", err)
		if err := q.update(ctx, func(c *change) error { return c.putOff(t) }); err != nil {
			return 0, fmt.Errorf("queue: put a timer off: %w", err)
		}
	}
	return 0, nil
}

func (c *change) putOff(t timer) error {
	if err := c.Delete(bucketTimer, t.key()); err != nil {
		return err
	}
	t.Due = Time{c.now.Add(timerPutOff)}
	return c.setTimer(t)
}

// due lists the timers whose time has come, or tells how long until the first one's.
func (q *Queue) due(ctx context.Context) (due []timer, next time.Duration, err error) {
	now := q.now()
	next = timerIdle
	err = q.deps.Store.View(ctx, func(tx *store.Tx) error {
		return each(tx, bucketTimer, "", func(_ string, t timer) (bool, error) {
			if t.Due.After(now) {
				next = min(next, t.Due.Sub(now))
				return false, nil
			}
			due = append(due, t)
			return len(due) < timerBatch, nil
		})
	})
	return due, next, err
}

// fire does what one timer is for.
func (c *change) fire(timer timer) error {
	if timer.Kind == timerArtifact {
		return c.expireArtifact(timer.ID)
	}
	var t task
	found, err := c.Get(bucketTask, timer.ID, &t)
	if err != nil || !found {
		return err
	}
	switch timer.Kind {
	case timerClaim:
		if t.State != Running || t.Runs[len(t.Runs)-1].TakenUntil.Add(claimGrace).After(c.now) {
			return nil
		}
		if err := t.resolve(len(t.Runs)-1, Exception, ReasonClaimExpired, c.now); err != nil {
			return err
		}
	case timerDeadline:
		t.abort(ReasonDeadlineExceeded, c.now)
	case timerExpire:
		return c.expireTask(&t)
	}
	return c.save(&t)
}
