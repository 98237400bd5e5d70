package taskrun

import (
	"errors"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/journal"
	"github.com/workerkit/workerkit/worker/task"
)

// Journal keeps claims on disk, for the worker that is started after this one was killed.
type Journal interface {
	// Put returns when the claim, or its newer state, is on disk.
	Put(claim journal.Entry) error
	Remove(taskID string, runID int64) error
}

// Watch tells of runs that the queue has ended; see package endwatch.
type Watch interface {
	Add(taskID string, runID int64, ended func(reason string)) (remove func())
}

// note writes the claim to the journal. Without it the task is run all the same: after a crash
// it would only wait longer for its next run.
func (r *Runner) note(until time.Time, newest tc.Credentials) {
	if r.deps.Journal == nil {
		return
	}
	entry := journal.Entry{
		TaskID: r.claim.TaskID, RunID: r.claim.RunID, TakenUntil: until, Credentials: newest,
		Dir: r.dir, Own: r.own, Expires: r.definition.Expires,
	}
	asked := task.Run{}
	if payload, err := r.kind.translate(r.definition.Payload); err == nil { // else the log has its usual names
		asked.Payload = payload
	}
	names := asked.LogNames()
	if asked.Feature("backingLog", true) {
		entry.LogName = names.Backing
		if asked.Feature("liveLog", true) {
			entry.LiveName = names.Live
		}
	}
	if err := r.deps.Journal.Put(entry); err != nil {
		r.logger.Warn("a claim is not in the journal: if this worker is killed, the task waits until the claim expires", "error", err)
	}
}

// forget removes the claim from the journal once the run is nobody's, or somebody else's. One
// that could not be reported is for the next worker.
func (r *Runner) forget(o Outcome) {
	if r.deps.Journal == nil || o.Resolution == "" && !errors.Is(o.Err, ErrLost) {
		return
	}
	if err := r.deps.Journal.Remove(r.claim.TaskID, r.claim.RunID); err != nil {
		r.logger.Warn("a claim is left in the journal", "error", err)
	}
}
