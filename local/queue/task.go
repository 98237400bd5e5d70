package queue

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

func (q *Queue) task(ctx context.Context, r *api.Request) (any, error) {
	return store.Read(ctx, q.deps.Store, func(tx *store.Tx) (json.RawMessage, error) {
		if _, err := loadTask(tx, r.Params["taskId"]); err != nil {
			return nil, err
		}
		return loadRaw(tx, r.Params["taskId"])
	})
}

func (q *Queue) status(ctx context.Context, r *api.Request) (any, error) {
	t, err := q.read(ctx, r)
	if err != nil {
		return nil, err
	}
	return statusReply{t.Status}, nil
}

// read loads the task that the route names.
func (q *Queue) read(ctx context.Context, r *api.Request) (*task, error) {
	return store.Read(ctx, q.deps.Store, func(tx *store.Tx) (*task, error) { return loadTask(tx, r.Params["taskId"]) })
}

func (q *Queue) tasks(ctx context.Context, r *api.Request) (any, error) {
	type item struct {
		TaskID string          `json:"taskId"`
		Task   json.RawMessage `json:"task"`
	}
	var reply struct {
		Tasks []item `json:"tasks"`
		Token string `json:"continuationToken,omitempty"`
	}
	reply.Tasks = []item{}
	var err error
	reply.Token, err = q.eachAsked(ctx, r, func(tx *store.Tx, t *task) error {
		raw, err := loadRaw(tx, t.TaskID)
		reply.Tasks = append(reply.Tasks, item{t.TaskID, raw})
		return err
	})
	return reply, err
}

func (q *Queue) statuses(ctx context.Context, r *api.Request) (any, error) {
	type item struct {
		TaskID string `json:"taskId"`
		Status Status `json:"status"`
	}
	var reply struct {
		Statuses []item `json:"statuses"`
		Token    string `json:"continuationToken,omitempty"`
	}
	reply.Statuses = []item{}
	var err error
	reply.Token, err = q.eachAsked(ctx, r, func(_ *store.Tx, t *task) error {
		reply.Statuses = append(reply.Statuses, item{t.TaskID, t.Status})
		return nil
	})
	return reply, err
}

// eachAsked calls fn with a page of the tasks that the body's taskIds name, leaving out
// those that do not exist, and gives the token of the next page.
func (q *Queue) eachAsked(ctx context.Context, r *api.Request, fn func(*store.Tx, *task) error) (token string, err error) {
	var body struct {
		TaskIDs []string `json:"taskIds"`
	}
	if err := r.Decode(&body); err != nil {
		return "", err
	}
	if err := r.Authorize(map[string]any{"taskIds": body.TaskIDs}); err != nil {
		return "", err
	}
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return "", err
	}
	start := 0
	if page.From != "" {
		if start, err = strconv.Atoi(page.From); err != nil || start < 0 {
			return "", api.InputError("continuationToken is not one of this list")
		}
	}
	ids := body.TaskIDs[min(start, len(body.TaskIDs)):]
	if len(ids) > page.Limit {
		ids = ids[:page.Limit]
		token = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(start + page.Limit)))
	}
	return token, q.deps.Store.View(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			var t task
			found, err := tx.Get(bucketTask, id, &t)
			if found {
				err = fn(tx, &t)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// changeTask checks the caller's scopes, which details of the task are part of, changes the
// task with fn and replies with its status.
func (q *Queue) changeTask(ctx context.Context, r *api.Request, fn func(*change, *task) error) (any, error) {
	t, err := q.read(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{
		"schedulerId": t.SchedulerID, "taskGroupId": t.TaskGroupID, "projectId": t.ProjectID, "taskQueueId": t.TaskQueueID,
	}); err != nil {
		return nil, err
	}
	err = q.update(ctx, func(c *change) error {
		if t, err = c.load(t.TaskID); err != nil {
			return err
		}
		if err := fn(c, t); err != nil {
			return err
		}
		return c.save(t)
	})
	if err != nil {
		return nil, err
	}
	return statusReply{t.Status}, nil
}

func (q *Queue) scheduleTask(ctx context.Context, r *api.Request) (any, error) {
	return q.changeTask(ctx, r, func(c *change, t *task) error {
		if t.State == Unscheduled && !c.now.Before(t.Deadline.Time) {
			return api.Conflict("Task `%s` can't be scheduled past its deadline of %s.", t.TaskID, t.Deadline)
		}
		t.schedule(c.now)
		return nil
	})
}

func (q *Queue) cancelTask(ctx context.Context, r *api.Request) (any, error) {
	return q.changeTask(ctx, r, func(c *change, t *task) error {
		t.abort(ReasonCanceled, c.now)
		return nil
	})
}

func (q *Queue) rerunTask(ctx context.Context, r *api.Request) (any, error) {
	return q.changeTask(ctx, r, func(c *change, t *task) error {
		if !c.now.Before(t.Deadline.Time) {
			return api.Conflict("Task `%s` can't be rescheduled past its deadline of %s.", t.TaskID, t.Deadline)
		}
		d, err := loadDefinition(c.Tx, t.TaskID)
		if err != nil {
			return err
		}
		if err := t.rerun(d.Retries, c.now); err != nil {
			return api.Conflict("Task `%s` can't be rerun: %v.", t.TaskID, err)
		}
		return nil
	})
}

// setPriority moves an unresolved task to another priority; a run that is pending moves to
// the end of it. It tells whether anything changed.
func (c *change) setPriority(t *task, priority string) (bool, error) {
	if t.State.resolved() || t.Priority == priority {
		return false, nil
	}
	t.Priority = priority
	if t.PendingKey == "" {
		return true, nil
	}
	key := t.PendingKey
	t.PendingKey = ""
	return true, c.Delete(bucketPending, key)
}

// newPriority is the body of the calls that change priorities.
type newPriority struct {
	NewPriority string `json:"newPriority"`
}

func (q *Queue) changeTaskPriority(ctx context.Context, r *api.Request) (any, error) {
	var body newPriority
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	return q.changeTask(ctx, r, func(c *change, t *task) error {
		_, err := c.setPriority(t, body.NewPriority)
		return err
	})
}

func (q *Queue) changeTaskGroupPriority(ctx context.Context, r *api.Request) (any, error) {
	var body newPriority
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	g, err := q.authorizeGroup(ctx, r)
	if err != nil {
		return nil, err
	}
	var reply struct {
		TaskGroupID string   `json:"taskGroupId"`
		SchedulerID string   `json:"schedulerId"`
		NewPriority string   `json:"newPriority"`
		Affected    int      `json:"tasksAffected"`
		TaskIDs     []string `json:"taskIds"`
	}
	reply.TaskGroupID, reply.SchedulerID, reply.NewPriority = g.TaskGroupID, g.SchedulerID, body.NewPriority
	reply.TaskIDs = []string{}
	err = q.update(ctx, func(c *change) error {
		return c.eachMember(g.TaskGroupID, func(t *task) error {
			changed, err := c.setPriority(t, body.NewPriority)
			if err != nil || !changed {
				return err
			}
			reply.TaskIDs = append(reply.TaskIDs, t.TaskID)
			reply.Affected++
			return c.save(t)
		})
	})
	return reply, err
}
