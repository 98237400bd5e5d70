package register

import (
	"context"
	"time"
)

const (
	ahead  = 30 * time.Minute // how long before their end credentials are renewed
	early  = 5 * time.Minute  // not sooner after they came than this
	latest = 30 * time.Second // before their end: the last moment
)

// RenewIn is when to renew credentials that end after left: half an hour before, but not in
// the first five minutes, and in any case half a minute before the end.
func RenewIn(left time.Duration) time.Duration {
	return max(min(max(left-ahead, early), left-latest), 0)
}

// spread makes d shorter by up to a tenth, at most ten minutes, so that machines that started
// together do not all renew at once. random is in [0, 1).
func spread(d time.Duration, random float64) time.Duration {
	return d - time.Duration(random*float64(min(d/10, 10*time.Minute)))
}

// wall is the time without Go's monotonic reading, which stands still while a machine sleeps.
func wall() time.Time { return time.Now().Round(0) }

// sleepUntil waits for t on the wall clock; false when ctx ended first. It looks at the clock
// every minute: a timer alone would sleep too long after the machine itself has slept.
func sleepUntil(ctx context.Context, t time.Time) bool {
	for {
		left := t.Sub(wall())
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
