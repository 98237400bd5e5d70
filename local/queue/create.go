package queue

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/workerkit/workerkit/local/api"
)

// statusReply is the reply of every call that tells a task's status.
type statusReply struct {
	Status Status `json:"status"`
}

// createTask makes a task. The same definition again is no error and changes nothing.
func (q *Queue) createTask(ctx context.Context, r *api.Request) (any, error) {
	taskID := r.Params["taskId"]
	d, err := define(taskID, r)
	if err != nil {
		return nil, err
	}
	if err := r.Authorize(d.params()); err != nil {
		return nil, err
	}
	if err := d.validate(q.now()); err != nil {
		return nil, err
	}
	var reply statusReply
	err = q.update(ctx, func(c *change) error {
		t, err := c.create(taskID, d)
		if err == nil {
			reply.Status = t.Status
		}
		return err
	})
	return reply, err
}

func (c *change) create(taskID string, d *definition) (*task, error) {
	former, err := c.former(taskID, d)
	if former != nil || err != nil {
		return former, err
	}
	t := &task{Status: d.status(taskID)}
	if err := c.joinGroup(t); err != nil {
		return nil, err
	}
	waits, err := c.depend(t, d)
	if err != nil {
		return nil, err
	}
	if !waits {
		t.schedule(c.now)
	}
	if err := c.touchQueue(t.TaskQueueID); err != nil {
		return nil, err
	}
	if err := c.setTimer(timer{Kind: timerExpire, ID: taskID, Due: d.Expires}); err != nil {
		return nil, err
	}
	if err := c.Put(bucketDefinition, taskID, d); err != nil {
		return nil, err
	}
	return t, c.save(t)
}

// former finds the task of an earlier createTask with the same definition.
func (c *change) former(taskID string, d *definition) (*task, error) {
	var existing definition
	found, err := c.Get(bucketDefinition, taskID, &existing)
	if err != nil || !found {
		return nil, err
	}
	same, err := sameJSON(existing, d)
	if err != nil {
		return nil, err
	}
	if same {
		return c.load(taskID)
	}
	was, err := json.MarshalIndent(existing, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("queue: encode the existing task: %w", err)
	}
	return nil, api.Conflict("taskId `%s` already used by another task.\n"+
		"This could be the result of faulty idempotency!\n"+
		"Existing task definition was:\n ```js\n%s\n```", taskID, was)
}
