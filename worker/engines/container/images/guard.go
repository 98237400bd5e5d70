package images

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/internal/docker"
)

// look is how often it is looked how much of the engine's disk is left.
const look = 250 * time.Millisecond

// guarded does what takes space on the engine's disk, and ends it when less than Floor is left: other tasks
// write there, and an image may be small only as long as it is compressed. The error is that of a full disk.
func (s *Store) guarded(ctx context.Context, do func(context.Context) error) error {
	if s.Free == nil {
		return do(ctx)
	}
	ctx, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx, stop) })
	err := do(ctx)
	stop(nil)
	watching.Wait()
	if low := context.Cause(ctx); err != nil && docker.Full(low) {
		return low
	}
	return err
}

// watch stops what is done in ctx when the disk is nearly full. It returns when ctx has ended.
func (s *Store) watch(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if free, err := s.Free(); err == nil && free < s.Floor {
			stop(fmt.Errorf("%d MiB are left, and %d MiB are kept for tasks: %w", free>>20, s.Floor>>20, syscall.ENOSPC))
		}
	}
}
