package queue

import (
	"context"
	"time"

	"github.com/workerkit/workerkit/local/store"
)

// Load counts the tasks of a task queue that wait for a worker and those that a worker has.
// Worker-manager decides by it how many machines a worker pool needs.
func (q *Queue) Load(ctx context.Context, taskQueueID string) (pending, claimed int, err error) {
	err = q.deps.Store.View(ctx, func(tx *store.Tx) error {
		waiting, err := keys(tx, bucketPending, taskQueueID+"/")
		if err != nil {
			return err
		}
		held, err := keys(tx, bucketClaimed, taskQueueID+"/")
		pending, claimed = len(waiting), len(held)
		return err
	})
	return pending, claimed, err
}

// LastActive is when the worker last asked for work or kept a claim alive, exact to a minute;
// zero when it never did.
func (q *Queue) LastActive(ctx context.Context, workerPoolID, workerGroup, workerID string) (time.Time, error) {
	return store.Read(ctx, q.deps.Store, func(tx *store.Tx) (time.Time, error) {
		w, err := loadWorker(tx, workerPoolID, workerGroup, workerID)
		if err != nil || w == nil {
			return time.Time{}, err
		}
		return w.LastDateActive.Time, nil
	})
}
