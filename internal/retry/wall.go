package retry

import (
	"context"
	"time"
)

// Wall is the time without Go's monotonic reading, which stands still while a machine sleeps.
func Wall() time.Time { return time.Now().Round(0) }

// SleepUntil waits for t on the wall clock; false when ctx ended first. It looks at the clock
// every minute: a timer alone would sleep too long after the machine itself has slept.
func SleepUntil(ctx context.Context, t time.Time) bool { return sleepUntil(ctx, t, Wall) }

func sleepUntil(ctx context.Context, t time.Time, wall func() time.Time) bool {
	for {
		left := t.Round(0).Sub(wall())
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
