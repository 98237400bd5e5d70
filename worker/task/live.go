package task

import "time"

// margin is for what comes before and after the commands.
const margin = 15 * time.Minute

// LiveUntil says when an artifact expires that leads to something which there is only while the task
// runs: somewhat after the task's time is up, but never after the task expires, as the queue takes no
// later time.
func (r *Run) LiveUntil(now time.Time) time.Time {
	var p struct {
		Seconds float64 `json:"maxRunTime"` // an integer may be written as 1e3
	}
	_ = r.Decode(&p) // absent or wrong: the margin alone
	left := r.Definition.Expires.Sub(now)
	if p.Seconds > (left - margin).Seconds() {
		return r.Definition.Expires
	}
	return now.Add(time.Duration(p.Seconds*float64(time.Second)) + margin)
}
