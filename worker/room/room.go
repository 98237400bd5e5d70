// Package room keeps space on disk for the tasks that a worker is about to claim. What can be had
// again is deleted when space is short: what dead runs left, then downloads, then caches, in each
// the least recently used first.
package room

import (
	"context"
	"fmt"
	"log/slog"
)

// Collector deletes things that nobody needs now.
type Collector interface {
	// Collect deletes, the least recently used first, until it has freed so many bytes or has nothing
	// more to delete, and returns how many bytes it has freed. What a run uses is never deleted. An
	// error is of what could not be deleted; the rest is deleted all the same.
	Collect(ctx context.Context, need uint64) (freed uint64, err error)
}

// Room is the space for tasks.
type Room struct {
	// Dir is where tasks have their directories.
	Dir string
	// Each is how many bytes must be free for each task that is claimed; 0 is no matter how many.
	Each uint64
	// Free tells how many bytes are free where a directory is: disk.Free, but in tests.
	Free func(dir string) (uint64, error)
	// Collectors are asked one after another, in this order.
	Collectors []Collector
	Logger     *slog.Logger
}

// For tells for how many of so many tasks there is space. With none, err says what is missing.
func (r *Room) For(tasks int) (int, error) {
	if r.Each == 0 {
		return tasks, nil
	}
	free, err := r.Free(r.Dir)
	if err != nil {
		return 0, err
	}
	if free < r.Each {
		return 0, fmt.Errorf("%s has %d MiB free, and requiredDiskSpaceMegabytes asks for %d", r.Dir, free>>20, r.Each>>20)
	}
	return int(min(uint64(tasks), free/r.Each)), nil //nolint:gosec // at most tasks, which is positive
}

// Collect has things deleted until there is space for a task; false when there was nothing to
// delete. It may take long, and must not be called twice at the same time.
func (r *Room) Collect(ctx context.Context) bool {
	some := false
	for _, c := range r.Collectors {
		free, err := r.Free(r.Dir)
		if err != nil || free >= r.Each {
			return some || err == nil
		}
		freed, err := c.Collect(ctx, r.Each-free)
		if err != nil {
			r.Logger.Warn("not all that nobody needs could be deleted", "error", err)
		}
		if freed > 0 {
			some = true
			r.Logger.Info("deleted what nobody needs, to make space for tasks", "MiB", freed>>20)
		}
	}
	return some
}
