package register

import "time"

const (
	ahead  = 30 * time.Minute // how long before their end credentials are renewed
	early  = 5 * time.Minute  // not sooner after they came than this
	latest = 30 * time.Second // before their end: the last moment
	late   = time.Minute      // after it: how long to wait for an answer

	shortPause = 30 * time.Second // after a renewal, however soon the next one is due
	longPause  = 5 * time.Minute  // the same while the clock makes no sense
)

// RenewIn is when to renew credentials that end after left: half an hour before, but not in
// the first five minutes, and in any case half a minute before the end.
func RenewIn(left time.Duration) time.Duration {
	return max(min(max(left-ahead, early), left-latest), 0)
}

// pause is the least time from a renewal to the next one, when the new credentials end after
// left. It protects the service from a machine whose clock is ahead.
func pause(left time.Duration) time.Duration {
	if left <= 0 {
		return longPause
	}
	return shortPause
}

// spread makes d shorter by up to a tenth, at most ten minutes, so that machines that started
// together do not all renew at once. random is in [0, 1).
func spread(d time.Duration, random float64) time.Duration {
	return d - time.Duration(random*float64(min(d/10, 10*time.Minute)))
}
