package queue

import (
	"context"
	"strings"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// activity is what the API tells of task queues, worker types and provisioners alike.
type activity struct {
	Description    string `json:"description"`
	Stability      string `json:"stability"`
	Expires        Time   `json:"expires"`
	LastDateActive Time   `json:"lastDateActive"`
}

// taskQueue is a task queue as getTaskQueue shows it.
type taskQueue struct {
	TaskQueueID string `json:"taskQueueId"`
	activity
}

// workerType is a task queue as the older calls show it.
type workerType struct {
	WorkerType    string `json:"workerType"`
	ProvisionerID string `json:"provisionerId"`
	taskQueue
}

// provisioner is the first half of the names of task queues.
type provisioner struct {
	ProvisionerID string `json:"provisionerId"`
	activity
}

func splitQueue(taskQueueID string) (provisionerID, workerType string) {
	provisionerID, workerType, _ = strings.Cut(taskQueueID, "/")
	return provisionerID, workerType
}

func (t taskQueue) asWorkerType() workerType {
	p, w := splitQueue(t.TaskQueueID)
	return workerType{WorkerType: w, ProvisionerID: p, taskQueue: t}
}

// touchQueue notes that a task queue is in use.
func (c *change) touchQueue(id string) error {
	var t taskQueue
	found, err := c.Get(bucketTaskQueue, id, &t)
	if err != nil || found && c.now.Sub(t.LastDateActive.Time) < seenEvery {
		return err
	}
	t.TaskQueueID, t.Stability = id, "experimental"
	t.LastDateActive, t.Expires = Time{c.now}, Time{c.now.Add(remember)}
	return c.Put(bucketTaskQueue, id, t)
}

func (q *Queue) loadQueue(ctx context.Context, id string) (t taskQueue, err error) {
	err = q.deps.Store.View(ctx, func(tx *store.Tx) error {
		found, err := tx.Get(bucketTaskQueue, id, &t)
		if err == nil && (!found || !t.Expires.After(q.now())) {
			err = api.NotFound("Task queue `%s` not found. Are you sure it was created?", id)
		}
		return err
	})
	return t, err
}

// listQueues lists a page of the task queues whose names start with prefix.
func (q *Queue) listQueues(ctx context.Context, r *api.Request, prefix string) (queues []taskQueue, token string, err error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, "", err
	}
	now := q.now()
	err = q.deps.Store.View(ctx, func(tx *store.Tx) (err error) {
		queues, token, err = api.List(tx, bucketTaskQueue, prefix, page, func(t taskQueue) bool { return t.Expires.After(now) })
		return err
	})
	return queues, token, err
}

func (q *Queue) getTaskQueue(ctx context.Context, r *api.Request) (any, error) {
	return q.loadQueue(ctx, r.Params["taskQueueId"])
}

func (q *Queue) listTaskQueues(ctx context.Context, r *api.Request) (any, error) {
	var reply struct {
		TaskQueues []taskQueue `json:"taskQueues"`
		Token      string      `json:"continuationToken,omitempty"`
	}
	var err error
	reply.TaskQueues, reply.Token, err = q.listQueues(ctx, r, "")
	return reply, err
}

func (q *Queue) getWorkerType(ctx context.Context, r *api.Request) (any, error) {
	t, err := q.loadQueue(ctx, r.Params["provisionerId"]+"/"+r.Params["workerType"])
	return t.asWorkerType(), err
}

func (q *Queue) listWorkerTypes(ctx context.Context, r *api.Request) (any, error) {
	queues, token, err := q.listQueues(ctx, r, r.Params["provisionerId"]+"/")
	reply := struct {
		WorkerTypes []workerType `json:"workerTypes"`
		Token       string       `json:"continuationToken,omitempty"`
	}{[]workerType{}, token}
	for _, t := range queues {
		reply.WorkerTypes = append(reply.WorkerTypes, t.asWorkerType())
	}
	return reply, err
}

func (q *Queue) getProvisioner(ctx context.Context, r *api.Request) (any, error) {
	all, err := q.provisioners(ctx, r.Params["provisionerId"]+"/")
	if err == nil && len(all) == 0 {
		err = api.NotFound("Provisioner `%s` not found. Are you sure it was created?", r.Params["provisionerId"])
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// listProvisioners lists all at once: there are as many as people thought of.
func (q *Queue) listProvisioners(ctx context.Context, _ *api.Request) (any, error) {
	all, err := q.provisioners(ctx, "")
	return struct {
		Provisioners []provisioner `json:"provisioners"`
	}{all}, err
}

// provisioners makes one of every run of task queues with the same first half.
func (q *Queue) provisioners(ctx context.Context, prefix string) ([]provisioner, error) {
	all, now := []provisioner{}, q.now()
	err := q.deps.Store.View(ctx, func(tx *store.Tx) error {
		return each(tx, bucketTaskQueue, prefix, func(_ string, t taskQueue) (bool, error) {
			if !t.Expires.After(now) {
				return true, nil
			}
			id, _ := splitQueue(t.TaskQueueID)
			if n := len(all); n == 0 || all[n-1].ProvisionerID != id {
				all = append(all, provisioner{ProvisionerID: id, activity: t.activity})
			} else if all[n-1].LastDateActive.Before(t.LastDateActive.Time) {
				all[n-1].activity = t.activity
			}
			return true, nil
		})
	})
	return all, err
}
