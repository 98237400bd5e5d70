package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// hold is what a worker is told of a run that it holds.
type hold struct {
	Status      Status          `json:"status"`
	RunID       int             `json:"runId"`
	WorkerGroup string          `json:"workerGroup"`
	WorkerID    string          `json:"workerId"`
	Credentials api.Credentials `json:"credentials"`
}

// claimReply is one claimed run as claimTask and, for each of its tasks, claimWork send it.
type claimReply struct {
	hold
	TakenUntil offsetTime      `json:"takenUntil"`
	Task       json.RawMessage `json:"task"`
}

// claimRequest is the body of claimWork and claimTask.
type claimRequest struct {
	Tasks       int    `json:"tasks"`
	WorkerGroup string `json:"workerGroup"`
	WorkerID    string `json:"workerId"`
}

type claimWorkReply struct {
	Tasks []claimReply `json:"tasks"`
}

// claimWork claims pending runs for a worker, and waits for the first when there is none.
func (q *Queue) claimWork(ctx context.Context, r *api.Request) (any, error) {
	body := claimRequest{Tasks: 1}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{"workerGroup": body.WorkerGroup, "workerId": body.WorkerID}); err != nil {
		return nil, err
	}
	queueID := r.Params["taskQueueId"]
	if err := q.seen(ctx, queueID, body.WorkerGroup, body.WorkerID); err != nil {
		return nil, err
	}
	timeout := time.NewTimer(q.deps.LongPoll)
	defer timeout.Stop()
	for {
		changed := q.pending.listen(queueID)
		claims, err := q.tryClaim(ctx, queueID, body)
		if err != nil || len(claims) > 0 {
			return claimWorkReply{claims}, err
		}
		select {
		case <-changed:
		case <-timeout.C:
			return claimWorkReply{[]claimReply{}}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryClaim claims what there is. It writes only when there is something, since many workers
// ask and most of the time there is nothing.
func (q *Queue) tryClaim(ctx context.Context, queueID string, body claimRequest) ([]claimReply, error) {
	now := q.now()
	pending, err := store.Read(ctx, q.deps.Store, func(tx *store.Tx) ([]pendingEntry, error) {
		w, err := loadWorker(tx, queueID, body.WorkerGroup, body.WorkerID)
		if err != nil || w.quarantined(now) {
			return nil, err
		}
		return firstPending(tx, queueID, 1, now)
	})
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	var claims []claimReply
	err = q.update(ctx, func(c *change) error {
		pending, err := firstPending(c.Tx, queueID, body.Tasks, c.now)
		if err != nil {
			return err
		}
		for _, e := range pending {
			claim, err := c.claim(e.TaskID, e.RunID, body.WorkerGroup, body.WorkerID)
			if err != nil {
				return err
			}
			claims = append(claims, claim)
		}
		return c.noteClaims(queueID, body.WorkerGroup, body.WorkerID, pending)
	})
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// firstPending lists the runs of a task queue that are to be claimed first. Those past their
// deadline are about to be resolved, and left out.
func firstPending(tx *store.Tx, queueID string, most int, now time.Time) ([]pendingEntry, error) {
	var found []pendingEntry
	err := each(tx, bucketPending, queueID+"/", func(_ string, e pendingEntry) (bool, error) {
		if now.Before(e.Deadline.Time) {
			found = append(found, e)
		}
		return len(found) < most, nil
	})
	return found, err
}

// claim gives a pending run to a worker, with credentials made for it.
func (c *change) claim(taskID string, runID int, workerGroup, workerID string) (claimReply, error) {
	t, err := c.load(taskID)
	if err != nil {
		return claimReply{}, err
	}
	if err := t.Status.claim(runID, workerGroup, workerID, c.now, c.now.Add(c.queue.deps.ClaimTimeout)); err != nil {
		return claimReply{}, err
	}
	if err := c.save(t); err != nil {
		return claimReply{}, err
	}
	return c.claimed(t, runID)
}

// claimed describes a running run to its worker.
func (c *change) claimed(t *task, runID int) (claimReply, error) {
	raw, err := loadRaw(c.Tx, t.TaskID)
	if err != nil {
		return claimReply{}, err
	}
	run := t.Runs[runID]
	credentials, err := c.queue.credentials(raw, t.TaskID, run, c.now)
	held := hold{Status: t.Status, RunID: runID, WorkerGroup: run.WorkerGroup, WorkerID: run.WorkerID, Credentials: credentials}
	return claimReply{hold: held, TakenUntil: offsetTime{run.TakenUntil}, Task: raw}, err
}

// credentials are those with which a run is reclaimed, resolved and given artifacts, and
// which carry the task's own scopes. They end with the claim.
func (q *Queue) credentials(raw json.RawMessage, taskID string, run Run, now time.Time) (api.Credentials, error) {
	var d struct {
		Scopes []string `json:"scopes"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return api.Credentials{}, fmt.Errorf("queue: decode the scopes of task %s: %w", taskID, err)
	}
	id := fmt.Sprintf("%s/%d", taskID, run.RunID)
	until := strconv.FormatFloat(float64(run.TakenUntil.UnixMilli())/1000, 'f', -1, 64)
	clientID := fmt.Sprintf("task-client/%s/on/%s/%s/until/%s", id, run.WorkerGroup, run.WorkerID, until)
	scopes := append([]string{"queue:reclaim-task:" + id, "queue:resolve-task:" + id, "queue:create-artifact:" + id}, d.Scopes...)
	credentials, err := q.deps.Issuer.Issue(name, clientID, scopes, now, run.TakenUntil.Time)
	if err != nil {
		return credentials, fmt.Errorf("queue: make credentials for task %s: %w", taskID, err)
	}
	return credentials, nil
}

// claimTask claims one run. The worker that holds it already gets its claim again.
func (q *Queue) claimTask(ctx context.Context, r *api.Request) (any, error) {
	var body claimRequest
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	t, err := q.read(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{
		"provisionerId": t.ProvisionerID, "workerType": t.WorkerType,
		"workerGroup": body.WorkerGroup, "workerId": body.WorkerID,
	}); err != nil {
		return nil, err
	}
	if err := q.seen(ctx, t.TaskQueueID, body.WorkerGroup, body.WorkerID); err != nil {
		return nil, err
	}
	var claim claimReply
	err = q.update(ctx, func(c *change) error {
		t, run, err := c.loadRun(r)
		if err != nil {
			return err
		}
		if !c.now.Before(t.Deadline.Time) {
			return api.Conflict("Task `%s` can't be claimed past its deadline of %s.", t.TaskID, t.Deadline)
		}
		if run.State == Running && run.WorkerGroup == body.WorkerGroup && run.WorkerID == body.WorkerID {
			claim, err = c.claimed(t, run.RunID)
			return err
		}
		if run.State != Pending {
			return api.Conflict("Run %d of task `%s` is already claimed or resolved.", run.RunID, t.TaskID)
		}
		if claim, err = c.claim(t.TaskID, run.RunID, body.WorkerGroup, body.WorkerID); err != nil {
			return err
		}
		return c.noteClaims(t.TaskQueueID, body.WorkerGroup, body.WorkerID, []pendingEntry{{TaskID: t.TaskID, RunID: run.RunID}})
	})
	return claim, err
}

// loadRun loads the task and the run that the route names.
func (c *change) loadRun(r *api.Request) (*task, *Run, error) {
	t, err := c.load(r.Params["taskId"])
	if err != nil {
		return nil, nil, err
	}
	run, err := t.routeRun(r)
	return t, run, err
}

// routeRun finds the run that the route names.
func (t *task) routeRun(r *api.Request) (*Run, error) {
	id, err := strconv.Atoi(r.Params["runId"])
	if err != nil {
		return nil, api.InputError("runId %q is not a number", r.Params["runId"])
	}
	run, err := t.run(id)
	if err != nil {
		return nil, api.NotFound("Run %d not found on task `%s`.", id, t.TaskID)
	}
	return run, nil
}
