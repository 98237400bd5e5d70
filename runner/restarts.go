package runner

import (
	"time"

	"github.com/workerkit/workerkit/runner/policy"
)

// restarts counts how often a worker has been started again.
type restarts struct {
	random func() float64 // in [0, 1)
	at     []time.Time    // those within the time that counts
}

// next is how long to wait before the worker is started again, by the rule of the row that it
// ended as; false when that has been too often. Each wait is twice the one before, and varies by a quarter up and down, so that
// machines that stumble over the same service do not come back together.
func (r *restarts) next(rule policy.Rule, now time.Time) (time.Duration, bool) {
	for len(r.at) > 0 && now.Sub(r.at[0]) >= rule.Within {
		r.at = r.at[1:]
	}
	if len(r.at) >= rule.Restarts {
		return 0, false
	}
	wait := float64(rule.BackOff) * (0.75 + 0.5*r.random())
	for range r.at {
		wait *= 2
	}
	r.at = append(r.at, now)
	return time.Duration(wait), true
}
