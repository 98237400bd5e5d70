package queue

import (
	"context"
	"time"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

const (
	// remember is how long the queue knows a worker or a task queue that nobody uses.
	remember = 5 * 24 * time.Hour
	// seenEvery is how exact lastDateActive is: idle workers, which poll every few seconds,
	// do not write each time.
	seenEvery = time.Minute
	// recentTasks is how many of a worker's claims are remembered.
	recentTasks = 20
)

// taskRun names a run.
type taskRun struct {
	TaskID string `json:"taskId"`
	RunID  int    `json:"runId"`
}

// worker is what the queue remembers of one that claims, as getWorker shows it.
type worker struct {
	ProvisionerID     string       `json:"provisionerId"`
	WorkerType        string       `json:"workerType"`
	TaskQueueID       string       `json:"taskQueueId"`
	WorkerGroup       string       `json:"workerGroup"`
	WorkerID          string       `json:"workerId"`
	RecentTasks       []taskRun    `json:"recentTasks"`
	Expires           Time         `json:"expires"`
	FirstClaim        Time         `json:"firstClaim"`
	LastDateActive    Time         `json:"lastDateActive,omitzero"`
	QuarantineUntil   Time         `json:"quarantineUntil,omitzero"`
	QuarantineDetails []quarantine `json:"quarantineDetails,omitempty"`
}

// quarantine is one decision about a worker.
type quarantine struct {
	ClientID string `json:"clientId"`
	Updated  Time   `json:"updatedAt"`
	Until    Time   `json:"quarantineUntil"`
	Info     string `json:"quarantineInfo"`
}

func (w *worker) quarantined(now time.Time) bool { return w != nil && w.QuarantineUntil.After(now) }

func (w *worker) key() string { return w.TaskQueueID + "/" + w.WorkerGroup + "/" + w.WorkerID }

// fresh tells whether the worker was noted as active so lately that it need not be again.
func (w *worker) fresh(now time.Time) bool {
	return w != nil && now.Sub(w.LastDateActive.Time) < seenEvery
}

// loadWorker reads a worker; nil is one that never claimed.
func loadWorker(tx *store.Tx, queueID, workerGroup, workerID string) (*worker, error) {
	var w worker
	found, err := tx.Get(bucketWorker, queueID+"/"+workerGroup+"/"+workerID, &w)
	if err != nil || !found {
		return nil, err
	}
	return &w, nil
}

// seen notes that a worker asked for work.
func (q *Queue) seen(ctx context.Context, queueID, workerGroup, workerID string) error {
	now := q.now()
	w, err := store.Read(ctx, q.deps.Store, func(tx *store.Tx) (*worker, error) {
		return loadWorker(tx, queueID, workerGroup, workerID)
	})
	if err != nil || w.fresh(now) {
		return err
	}
	return q.update(ctx, func(c *change) error { return c.noteClaims(queueID, workerGroup, workerID, nil) })
}

// noteClaims notes that a worker is active and what it claimed.
func (c *change) noteClaims(queueID, workerGroup, workerID string, claims []pendingEntry) error {
	w, err := loadWorker(c.Tx, queueID, workerGroup, workerID)
	if err != nil {
		return err
	}
	if w == nil {
		provisionerID, workerType := splitQueue(queueID)
		w = &worker{
			ProvisionerID: provisionerID, WorkerType: workerType, TaskQueueID: queueID,
			WorkerGroup: workerGroup, WorkerID: workerID, FirstClaim: Time{c.now}, RecentTasks: []taskRun{},
		}
	}
	w.LastDateActive = Time{c.now}
	w.Expires = later(w.Expires, c.now.Add(remember))
	for _, e := range claims {
		w.RecentTasks = append(w.RecentTasks, taskRun{e.TaskID, e.RunID})
	}
	w.RecentTasks = w.RecentTasks[max(0, len(w.RecentTasks)-recentTasks):]
	if err := c.touchQueue(queueID); err != nil {
		return err
	}
	return c.Put(bucketWorker, w.key(), w)
}

func later(a Time, b time.Time) Time {
	if a.After(b) {
		return a
	}
	return Time{b}
}

// workerOf loads the worker that the route names.
func workerOf(tx *store.Tx, r *api.Request) (*worker, error) {
	queueID := r.Params["provisionerId"] + "/" + r.Params["workerType"]
	w, err := loadWorker(tx, queueID, r.Params["workerGroup"], r.Params["workerId"])
	if err == nil && w == nil {
		err = api.NotFound("Worker with workerId `%s`, workerGroup `%s`, worker-type `%s` and provisionerId `%s` not found. "+
			"Are you sure it was created?", r.Params["workerId"], r.Params["workerGroup"], r.Params["workerType"], r.Params["provisionerId"])
	}
	return w, err
}

func (q *Queue) getWorker(ctx context.Context, r *api.Request) (any, error) {
	return store.Read(ctx, q.deps.Store, func(tx *store.Tx) (*worker, error) { return workerOf(tx, r) })
}

// changeWorker changes the worker that the route names and replies with it.
func (q *Queue) changeWorker(ctx context.Context, r *api.Request, fn func(*change, *worker)) (any, error) {
	var w *worker
	err := q.update(ctx, func(c *change) (err error) {
		if w, err = workerOf(c.Tx, r); err != nil {
			return err
		}
		fn(c, w)
		return c.Put(bucketWorker, w.key(), w)
	})
	return w, err
}

// quarantineWorker keeps a worker from claiming until a time; a time in the past ends it.
func (q *Queue) quarantineWorker(ctx context.Context, r *api.Request) (any, error) {
	var body struct {
		Until Time   `json:"quarantineUntil"`
		Info  string `json:"quarantineInfo"`
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	return q.changeWorker(ctx, r, func(c *change, w *worker) {
		w.QuarantineUntil = body.Until
		w.Expires = later(w.Expires, body.Until.Time)
		w.QuarantineDetails = append(w.QuarantineDetails, quarantine{
			ClientID: r.Caller.ClientID, Updated: Time{c.now}, Until: body.Until, Info: body.Info,
		})
	})
}

// declareWorker sets how long a worker is remembered.
func (q *Queue) declareWorker(ctx context.Context, r *api.Request) (any, error) {
	var body struct {
		Expires Time `json:"expires"`
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{"properties": []string{"expires"}}); err != nil {
		return nil, err
	}
	return q.changeWorker(ctx, r, func(_ *change, w *worker) { w.Expires = body.Expires })
}

func (q *Queue) listWorkers(ctx context.Context, r *api.Request) (any, error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	type item struct {
		WorkerGroup     string   `json:"workerGroup"`
		WorkerID        string   `json:"workerId"`
		FirstClaim      Time     `json:"firstClaim"`
		LastDateActive  Time     `json:"lastDateActive,omitzero"`
		QuarantineUntil Time     `json:"quarantineUntil,omitzero"`
		LatestTask      *taskRun `json:"latestTask,omitempty"`
	}
	var reply struct {
		Workers []item `json:"workers"`
		Token   string `json:"continuationToken,omitempty"`
	}
	now, only := q.now(), r.Query.Get("quarantined")
	keep := func(w worker) bool {
		return w.Expires.After(now) && (only == "" || w.quarantined(now) == (only == "true"))
	}
	err = q.deps.Store.View(ctx, func(tx *store.Tx) error {
		workers, token, err := api.List(tx, bucketWorker, r.Params["provisionerId"]+"/"+r.Params["workerType"]+"/", page, keep)
		reply.Token, reply.Workers = token, []item{}
		for _, w := range workers {
			i := item{w.WorkerGroup, w.WorkerID, w.FirstClaim, w.LastDateActive, w.QuarantineUntil, nil}
			if n := len(w.RecentTasks); n > 0 {
				i.LatestTask = &w.RecentTasks[n-1]
			}
			reply.Workers = append(reply.Workers, i)
		}
		return err
	})
	return reply, err
}
