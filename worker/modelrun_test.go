package worker_test

import (
	"context"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// modelRun is one run.
type modelRun struct {
	model *model
	job   job
	slot  int

	aborted context.Context //nolint:containedctx // as that of a real one
	abort   context.CancelCauseFunc

	made, ran, cleaned         int
	madeAt, abortedAt, endedAt time.Time
	handedBack                 bool // it must be
}

func (m *model) newRun(c tc.Claim, slot int) worker.Run {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runs[c.RunID]
	r.made++
	r.slot = slot
	r.madeAt = time.Now()
	r.handedBack = !m.ends.IsZero() && m.ends.Before(r.madeAt)
	r.aborted, r.abort = context.WithCancelCause(context.Background())
	for lower := range slot {
		if m.running[lower] == nil && m.freed[lower].Before(time.Now()) {
			m.problem("slot %d was given while %d is free", slot, lower)
		}
	}
	if m.running[slot] != nil || slot >= m.capacity {
		m.problem("slot %d was given", slot)
	}
	m.running[slot] = r
	m.active = time.Now()
	return r
}

func (r *modelRun) TaskID() string { return "task" }

func (r *modelRun) Abort(cause error) {
	if task.Resolve(cause) != task.WorkerShutdown {
		panic(cause)
	}
	r.abort(cause)
}

func (r *modelRun) Run(ctx context.Context) taskrun.Outcome {
	m := r.model
	defer m.work()()
	m.mu.Lock()
	r.ran++
	m.mu.Unlock()
	defer r.end()
	select {
	case <-ctx.Done():
		return taskrun.Outcome{Err: context.Cause(ctx)}
	case <-r.aborted.Done():
		m.mu.Lock()
		r.abortedAt = time.Now()
		m.mu.Unlock()
		time.Sleep(r.job.stubborn)
		return taskrun.Outcome{Resolution: task.WorkerShutdown, Err: context.Cause(r.aborted), Started: !r.handedBack}
	case <-time.After(r.job.takes):
	}
	switch r.job.fate {
	case breaks:
		return taskrun.Outcome{Resolution: task.InternalError, Err: task.Internal("broken")}
	case starves:
		return taskrun.Outcome{Resolution: task.ResourceUnavailable, Err: task.Unavailable("no network")}
	case isLost:
		return taskrun.Outcome{Err: taskrun.ErrLost, Started: true}
	case vanishes:
		return taskrun.Outcome{Err: taskrun.ErrLost}
	case explodes:
		panic("told to")
	default:
		return taskrun.Outcome{Resolution: task.Completed, Started: true}
	}
}

func (r *modelRun) end() {
	m := r.model
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.running, r.slot)
	m.active = time.Now()
	m.freed[r.slot], r.endedAt = m.active, m.active
	if m.inFlight == 0 && len(m.running) == m.capacity-1 {
		m.freeAt = m.active
	}
}

func (r *modelRun) Clean(context.Context) {
	defer r.model.work()()
	time.Sleep(r.job.cleans)
	r.model.mu.Lock()
	defer r.model.mu.Unlock()
	r.cleaned++
}
