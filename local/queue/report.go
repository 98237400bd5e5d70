package queue

import (
	"context"
	"errors"

	"github.com/workerkit/workerkit/local/api"
)

// reclaimTask lets a running run go on, with new credentials.
func (q *Queue) reclaimTask(ctx context.Context, r *api.Request) (any, error) {
	var reply struct {
		hold
		TakenUntil Time `json:"takenUntil"`
	}
	err := q.update(ctx, func(c *change) error {
		t, run, err := c.loadRun(r)
		if err != nil {
			return err
		}
		if !c.now.Before(t.Deadline.Time) {
			return api.Conflict("Task `%s` can't be reclaimed past its deadline of %s.", t.TaskID, t.Deadline)
		}
		if err := t.reclaim(run.RunID, c.now.Add(q.deps.ClaimTimeout)); err != nil {
			return api.Conflict("Run %d on task `%s` is resolved or not running.", run.RunID, t.TaskID)
		}
		if err := c.save(t); err != nil {
			return err
		}
		if err := c.noteClaims(t.TaskQueueID, run.WorkerGroup, run.WorkerID, nil); err != nil {
			return err
		}
		claim, err := c.claimed(t, run.RunID)
		reply.hold, reply.TakenUntil = claim.hold, run.TakenUntil
		return err
	})
	return reply, err
}

func (q *Queue) reportCompleted(ctx context.Context, r *api.Request) (any, error) {
	return q.report(ctx, r, Completed, ReasonCompleted, "Run %d of task `%s` is not running or completed.")
}

func (q *Queue) reportFailed(ctx context.Context, r *api.Request) (any, error) {
	return q.report(ctx, r, Failed, ReasonFailed, "Run %d of task `%s` is not running or failed.")
}

func (q *Queue) reportException(ctx context.Context, r *api.Request) (any, error) {
	var body struct {
		Reason Reason `json:"reason"`
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	return q.report(ctx, r, Exception, body.Reason, "Run %d on task `%s` is resolved or not running.")
}

// report resolves a run; conflict is the message for a run that is not running, with its
// number and its task.
func (q *Queue) report(ctx context.Context, r *api.Request, state State, reason Reason, conflict string) (any, error) {
	var reply statusReply
	err := q.update(ctx, func(c *change) error {
		t, run, err := c.loadRun(r)
		if err != nil {
			return err
		}
		err = t.resolve(run.RunID, state, reason, c.now)
		if errors.Is(err, errNotRunning) {
			return api.Conflict(conflict, run.RunID, t.TaskID)
		}
		if err != nil {
			return err
		}
		reply.Status = t.Status
		return c.save(t)
	})
	return reply, err
}
