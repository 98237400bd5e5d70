// Package queue is the queue service of taskcluster-local: tasks and their runs, claims,
// artifacts, task groups, dependencies, and what it remembers of the workers that ask.
//
// Everything lives in the store and changes in transactions; a reply is sent after its
// transaction. Only the wake-ups of long polls and of the timer loop live in memory.
package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/store"
)

// name is the service's name in the reference.
const name = "queue"

// Deps are what a Queue needs. Store, Issuer, Blob and RootURL are required.
type Deps struct {
	Store   *store.Store
	Issuer  api.Issuer
	Blob    *blob.Store      // for artifacts of storage type s3
	RootURL func() string    // where object.download is called, asked for each URL
	Clock   func() time.Time // time.Now when nil
	Logger  *slog.Logger     // discards when nil

	ClaimTimeout time.Duration // how long a claim lasts; 20 minutes when 0
	LongPoll     time.Duration // how long claimWork waits for a task; 20 seconds when 0

	// Uploaded, when not nil, tells whether an object is uploaded and finished. finishArtifact
	// asks it in its transaction.
	Uploaded func(tx *store.Tx, objectName, uploadID string) (bool, error)

	// OnCompleted, when not nil, is called in the transaction that resolves a task as
	// completed, which its error undoes.
	OnCompleted func(tx *store.Tx, done Completion) error

	// OnPending, when not nil, is called after a task of the task queue has become pending. It
	// must not block.
	OnPending func(taskQueueID string)
}

// Completion is what others learn of a task that completed.
type Completion struct {
	TaskID  string
	RunID   int
	Routes  []string // of the task, such as "index.project.build"
	Extra   []byte   // task.extra, a JSON object
	Expires time.Time
}

// Queue is the service. It is safe for concurrent use.
type Queue struct {
	deps     Deps
	pending  *signals // a task queue has a new pending run
	timers   *signals // the first timer changed
	lastUnix atomic.Int64
}

// New makes a queue on what the store holds. Claims and deadlines only expire while Run runs.
func New(d Deps) (*Queue, error) {
	if d.Store == nil || d.Issuer == nil || d.Blob == nil || d.RootURL == nil {
		return nil, errors.New("queue: a store, an issuer, a blob store and a root URL are needed")
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.ClaimTimeout == 0 {
		d.ClaimTimeout = 20 * time.Minute
	}
	if d.LongPoll == 0 {
		d.LongPoll = 20 * time.Second
	}
	return &Queue{deps: d, pending: newSignals(), timers: newSignals()}, nil
}

// now is the present in the resolution that the API has.
func (q *Queue) now() time.Time { return q.deps.Clock().UTC().Truncate(time.Millisecond) }

// Service is the queue's methods by their names in the reference.
func (q *Queue) Service() api.Service {
	return api.Service{Name: name, Handlers: map[string]api.Handler{
		"createTask": q.createTask, "task": q.task, "tasks": q.tasks, "status": q.status, "statuses": q.statuses,
		"scheduleTask": q.scheduleTask, "rerunTask": q.rerunTask, "cancelTask": q.cancelTask,
		"changeTaskPriority": q.changeTaskPriority, "changeTaskGroupPriority": q.changeTaskGroupPriority,

		"listTaskGroup": q.listTaskGroup, "getTaskGroup": q.getTaskGroup, "sealTaskGroup": q.sealTaskGroup,
		"cancelTaskGroup": q.cancelTaskGroup, "listDependentTasks": q.listDependentTasks,

		"claimWork": q.claimWork, "claimTask": q.claimTask, "reclaimTask": q.reclaimTask,
		"reportCompleted": q.reportCompleted, "reportFailed": q.reportFailed, "reportException": q.reportException,

		"createArtifact": q.createArtifact, "finishArtifact": q.finishArtifact,
		"getArtifact": q.getArtifact, "getLatestArtifact": q.getArtifact,
		"artifact": q.artifact, "latestArtifact": q.artifact,
		"artifactInfo": q.artifactInfo, "latestArtifactInfo": q.artifactInfo,
		"listArtifacts": q.listArtifacts, "listLatestArtifacts": q.listArtifacts,

		"pendingTasks": q.pendingTasks, "taskQueueCounts": q.taskQueueCounts,
		"listPendingTasks": q.listPendingTasks, "listClaimedTasks": q.listClaimedTasks,

		"listTaskQueues": q.listTaskQueues, "getTaskQueue": q.getTaskQueue,
		"listProvisioners": q.listProvisioners, "getProvisioner": q.getProvisioner,
		"listWorkerTypes": q.listWorkerTypes, "getWorkerType": q.getWorkerType,
		"listWorkers": q.listWorkers, "getWorker": q.getWorker,
		"quarantineWorker": q.quarantineWorker, "declareWorker": q.declareWorker,
	}}
}

// ResolveClaimedBy resolves every run that the worker holds as exception/worker-shutdown,
// with a retry while retries are left. Worker-manager calls it when a worker is removed.
func (q *Queue) ResolveClaimedBy(ctx context.Context, workerPoolID, workerGroup, workerID string) error {
	return q.update(ctx, func(c *change) error {
		var held []claimedEntry
		err := each(c, bucketClaimed, workerPoolID+"/", func(_ string, e claimedEntry) (bool, error) {
			if e.WorkerGroup == workerGroup && e.WorkerID == workerID {
				held = append(held, e)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, e := range held {
			t, err := c.load(e.TaskID)
			if err != nil {
				return err
			}
			if err := t.resolve(e.RunID, Exception, ReasonWorkerShutdown, c.now); err != nil {
				return err
			}
			if err := c.save(t); err != nil {
				return err
			}
		}
		return nil
	})
}
