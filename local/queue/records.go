package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// The buckets, and the keys in them. The stamp in a pending key orders runs of a priority by
// when they became pending.
const (
	bucketDefinition = "queue-definition" // <task> -> definition
	bucketTask       = "queue-task"       // <task> -> task
	bucketPending    = "queue-pending"    // <task queue>/<priority>/<stamp>/<task> -> pendingEntry
	bucketClaimed    = "queue-claimed"    // <task queue>/<task> -> claimedEntry
	bucketTimer      = "queue-timer"      // <milliseconds>/<kind>/<id> -> timer
	bucketGroup      = "queue-group"      // <group> -> group
	bucketMember     = "queue-member"     // <group>/<task> -> task id
	bucketDependent  = "queue-dependent"  // <task>/<task that waits for it> -> dependency
	bucketWaiting    = "queue-waiting"    // <task>/<task it waits for> -> true
	bucketArtifact   = "queue-artifact"   // <task>/<run>/<name> -> artifact
	bucketTaskQueue  = "queue-taskqueue"  // <task queue> -> taskQueue
	bucketWorker     = "queue-worker"     // <task queue>/<group>/<worker> -> worker
)

// task is a task's status with what the queue has noted elsewhere because of it; change.save
// keeps the two in step.
type task struct {
	Status
	PendingKey string `json:"pendingKey,omitempty"` // its entry in the pending bucket
	ClaimTimer string `json:"claimTimer,omitempty"` // the timer of its claim; it has a claimed entry too
	Deadlined  bool   `json:"deadlined,omitempty"`  // its deadline has a timer
	Announced  bool   `json:"announced,omitempty"`  // those who wait for it know that it is resolved
}

type pendingEntry struct {
	TaskID   string `json:"taskId"`
	RunID    int    `json:"runId"`
	Inserted Time   `json:"inserted"`
	Deadline Time   `json:"deadline"`
}

type claimedEntry struct {
	TaskID      string `json:"taskId"`
	RunID       int    `json:"runId"`
	WorkerGroup string `json:"workerGroup"`
	WorkerID    string `json:"workerId"`
	Claimed     Time   `json:"claimed"`
}

// change is a transaction that changes tasks, with what it must tell whom once it is done.
type change struct {
	*store.Tx
	now    time.Time
	queue  *Queue
	wake   map[string]struct{} // task queues with a new pending run
	timers bool                // a timer was set
}

// update runs fn in a transaction and then wakes those whom its changes concern.
func (q *Queue) update(ctx context.Context, fn func(*change) error) error {
	c := &change{now: q.now(), queue: q, wake: map[string]struct{}{}}
	err := q.deps.Store.Update(ctx, func(tx *store.Tx) error {
		c.Tx = tx
		return fn(c)
	})
	if err != nil {
		return err
	}
	for id := range maps.Keys(c.wake) {
		q.pending.notify(id)
		if q.deps.OnPending != nil {
			q.deps.OnPending(id)
		}
	}
	if c.timers {
		q.timers.notify("")
	}
	return nil
}

// stamp is a number that grows from call to call and, but for steps of the clock, from one
// start of the program to the next: nanoseconds, or one more than the former stamp.
func (q *Queue) stamp(now time.Time) int64 {
	for {
		last := q.lastUnix.Load()
		next := max(now.UnixNano(), last+1)
		if q.lastUnix.CompareAndSwap(last, next) {
			return next
		}
	}
}

// loadTask reads a task; one that does not exist is a 404.
func loadTask(tx *store.Tx, taskID string) (*task, error) {
	var t task
	found, err := tx.Get(bucketTask, taskID, &t)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, api.NotFound("`%s` does not correspond to a task that exists.\n"+
			"Are you sure this task has already been submitted?", taskID)
	}
	return &t, nil
}

func (c *change) load(taskID string) (*task, error) { return loadTask(c.Tx, taskID) }

// loadRaw reads the definition of a task that exists, as it is sent.
func loadRaw(tx *store.Tx, taskID string) (json.RawMessage, error) {
	var raw json.RawMessage
	found, err := tx.Get(bucketDefinition, taskID, &raw)
	if err == nil && !found {
		err = fmt.Errorf("queue: task %s has no definition", taskID)
	}
	return raw, err
}

// loadDefinition reads the definition of a task that exists.
func loadDefinition(tx *store.Tx, taskID string) (*definition, error) {
	var d definition
	found, err := tx.Get(bucketDefinition, taskID, &d)
	if err == nil && !found {
		err = fmt.Errorf("queue: task %s has no definition", taskID)
	}
	return &d, err
}

// each calls fn with every value under prefix, in the order of the keys, until it says no.
// fn must not change the bucket.
func each[T any](c api.Cursor, bucket, prefix string, fn func(key string, value T) (more bool, err error)) error {
	return c.Each(bucket, prefix, "", func(key string, data []byte) (bool, error) {
		var value T
		if err := json.Unmarshal(data, &value); err != nil {
			return false, fmt.Errorf("queue: decode %s %q: %w", bucket, key, err)
		}
		return fn(key, value)
	})
}

// keys collects the keys under prefix.
func keys(c api.Cursor, bucket, prefix string) ([]string, error) {
	var found []string
	err := c.Each(bucket, prefix, "", func(key string, _ []byte) (bool, error) {
		found = append(found, key)
		return true, nil
	})
	return found, err
}

// deleteAll removes everything under prefix.
func (c *change) deleteAll(bucket, prefix string) error {
	found, err := keys(c, bucket, prefix)
	if err != nil {
		return err
	}
	for _, key := range found {
		if err := c.Delete(bucket, key); err != nil {
			return err
		}
	}
	return nil
}
