package pools

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

// ChangedError is for a pool that somebody has changed since the change was worked out.
type ChangedError struct {
	Pool string
	At   string // when, as worker-manager tells it
}

// Error implements error.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("the pool was changed at %s: look at the new diff", e.At)
}

// patience is how long Apply asks for what a pool has become.
const patience = 30 * time.Second

// Apply sends the change to worker-manager, unless the pool is no longer what the change was
// worked out from: that is a *ChangedError. What it was is kept first, in the file that is
// returned. worker-manager cannot compare and change at once: another Apply with the same folder
// waits, but whoever else changes the pool in the moment between may still be overruled.
func Apply(ctx context.Context, service Service, c Change, keep Folder, at time.Time) (kept string, err error) {
	body, err := c.Next.MarshalJSON()
	if err != nil {
		return "", fmt.Errorf("encode the new definition: %w", err)
	}
	err = keep.alone(ctx, c.Former.Pool, func() error {
		now, err := Read(ctx, service, c.Former.Pool)
		if err != nil {
			return err
		}
		if now.Digest() != c.Former.Digest() || now.LastModified != c.Former.LastModified {
			return &ChangedError{now.Pool, now.LastModified}
		}
		if kept, err = keep.save(c.Former, at); err != nil {
			return err
		}
		if err := service.Update(ctx, c.Former.Pool, body); err != nil {
			if refused(err) {
				keep.discard(kept)
				kept = ""
				return err
			}
			return fmt.Errorf("it is not known whether the pool is changed; what it was is in %s: %w", kept, err)
		}
		return noteLeft(ctx, service, c.Former.Pool, keep, kept)
	})
	return kept, err
}

// noteLeft notes what a pool has become, whatever interrupts: it is needed to roll it back.
func noteLeft(ctx context.Context, service Service, pool string, keep Folder, kept string) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer done()
	left, err := Read(ctx, service, pool)
	if err == nil {
		err = keep.note(kept, left)
	}
	if err != nil {
		return fmt.Errorf("the pool is changed, and what it was is in %s, but how it was left cannot be noted, so that a rollback will need --force: %w", kept, err)
	}
	return nil
}

// refused tells whether worker-manager has certainly changed nothing.
func refused(err error) bool {
	status := tc.Status(err)
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError
}

// Retired are the workers of a launch config that there is no more.
type Retired struct {
	LaunchConfigID string `json:"launchConfigId"`
	Requested      int    `json:"requested"`
	Running        int    `json:"running"`
}

// Retire counts the workers of the launch configs that the change takes away.
func Retire(ctx context.Context, service Service, c Change) ([]Retired, error) {
	all := []Retired{}
	ids, _ := c.Gone()
	for _, id := range ids {
		r := Retired{LaunchConfigID: id}
		for state, count := range map[string]*int{"requested": &r.Requested, "running": &r.Running} {
			workers, err := service.Workers(ctx, c.Former.Pool, tc.WorkerFilter{LaunchConfigID: id, State: state})
			if err != nil {
				return all, err
			}
			*count = len(workers)
		}
		all = append(all, r)
	}
	return all, nil
}
