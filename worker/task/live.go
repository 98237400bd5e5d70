package task

import "time"

// margin is for what comes before and after the commands.
const margin = 15 * time.Minute

// LiveUntil says when an artifact expires that leads to something which there is only while the task
// runs: somewhat after the task's time is up, but never after the task expires, as the queue takes no
// later time.
func (r *Run) LiveUntil(now time.Time) time.Time {
	var p struct {
		MaxRunTime int64 `json:"maxRunTime"` // seconds
	}
	_ = r.Decode(&p) // absent or wrong: the margin alone
	end := now.Add(time.Duration(p.MaxRunTime)*time.Second + margin)
	if end.After(r.Definition.Expires) {
		return r.Definition.Expires
	}
	return end
}
