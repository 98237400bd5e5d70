package queue

import (
	"context"
	"encoding/json"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// pendingCount is the reply of pendingTasks, and a part of that of taskQueueCounts.
type pendingCount struct {
	ProvisionerID string `json:"provisionerId"`
	WorkerType    string `json:"workerType"`
	TaskQueueID   string `json:"taskQueueId"`
	PendingTasks  int    `json:"pendingTasks"`
}

func countPending(tx *store.Tx, queueID string) (pendingCount, error) {
	p, w := splitQueue(queueID)
	found, err := keys(tx, bucketPending, queueID+"/")
	return pendingCount{ProvisionerID: p, WorkerType: w, TaskQueueID: queueID, PendingTasks: len(found)}, err
}

func (q *Queue) pendingTasks(ctx context.Context, r *api.Request) (any, error) {
	return store.Read(ctx, q.deps.Store, func(tx *store.Tx) (pendingCount, error) {
		return countPending(tx, r.Params["taskQueueId"])
	})
}

func (q *Queue) taskQueueCounts(ctx context.Context, r *api.Request) (any, error) {
	var reply struct {
		pendingCount
		ClaimedTasks int `json:"claimedTasks"`
	}
	err := q.deps.Store.View(ctx, func(tx *store.Tx) (err error) {
		if reply.pendingCount, err = countPending(tx, r.Params["taskQueueId"]); err != nil {
			return err
		}
		claimed, err := keys(tx, bucketClaimed, r.Params["taskQueueId"]+"/")
		reply.ClaimedTasks = len(claimed)
		return err
	})
	return reply, err
}

// withTask is a run in a list, with its task's definition.
type withTask[T any] struct {
	entry T
	task  json.RawMessage
}

// listRuns lists a page of the entries of a bucket that belong to the task queue of the route.
func listRuns[T any](ctx context.Context, q *Queue, r *api.Request, bucket string, taskID func(T) string) (runs []withTask[T], token string, err error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, "", err
	}
	err = q.deps.Store.View(ctx, func(tx *store.Tx) error {
		entries, next, err := api.List[T](tx, bucket, r.Params["taskQueueId"]+"/", page, nil)
		if err != nil {
			return err
		}
		token = next
		for _, e := range entries {
			raw, err := loadRaw(tx, taskID(e))
			if err != nil {
				return err
			}
			runs = append(runs, withTask[T]{e, raw})
		}
		return nil
	})
	return runs, token, err
}

func (q *Queue) listPendingTasks(ctx context.Context, r *api.Request) (any, error) {
	type item struct {
		TaskID   string          `json:"taskId"`
		RunID    int             `json:"runId"`
		Inserted Time            `json:"inserted"`
		Task     json.RawMessage `json:"task"`
	}
	runs, token, err := listRuns(ctx, q, r, bucketPending, func(e pendingEntry) string { return e.TaskID })
	reply := struct {
		Tasks []item `json:"tasks"`
		Token string `json:"continuationToken,omitempty"`
	}{[]item{}, token}
	for _, run := range runs {
		reply.Tasks = append(reply.Tasks, item{run.entry.TaskID, run.entry.RunID, run.entry.Inserted, run.task})
	}
	return reply, err
}

func (q *Queue) listClaimedTasks(ctx context.Context, r *api.Request) (any, error) {
	type item struct {
		claimedEntry
		Task json.RawMessage `json:"task"`
	}
	runs, token, err := listRuns(ctx, q, r, bucketClaimed, func(e claimedEntry) string { return e.TaskID })
	reply := struct {
		Tasks []item `json:"tasks"`
		Token string `json:"continuationToken,omitempty"`
	}{[]item{}, token}
	for _, run := range runs {
		reply.Tasks = append(reply.Tasks, item{run.entry, run.task})
	}
	return reply, err
}
