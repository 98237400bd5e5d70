// Package recovery hands back the runs of a worker that was killed, when the next one is started:
// what is left of their processes is ended, what is on disk of their logs is uploaded, and the
// queue is told, so that it tries the tasks again at once.
package recovery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/journal"
	"github.com/workerkit/workerkit/worker/plugins/backinglog"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

const (
	// killTime bounds how long what is left of a task may take to be gone.
	killTime = 10 * time.Second
	// logTime is what a task waits for its log at most before the queue may try it again.
	logTime = 10 * time.Second
	// lastLine ends the log of a run that was handed back.
	lastLine = "the worker was killed while this task ran; the queue tries the task again"
)

// Recovery is what a worker needs to hand runs back.
type Recovery struct {
	Client   *tc.Client
	Uploader *artifact.Uploader
	// Live tells whether runs have a live log, whose artifact then has to lead to the complete one.
	Live bool
	// Kill ends what is left of a task's processes, by its directory.
	Kill func(ctx context.Context, dir string) error
	// Remove forgets a claim.
	Remove func(taskID string, runID int64) error
	// RemoveDir removes a directory of a run; nil leaves them.
	RemoveDir func(dir string) error
	Logger    *slog.Logger
}

// Run hands back all runs at the same time. A claim that could not be handed back when ctx ends
// is not forgotten.
func (r Recovery) Run(ctx context.Context, left []journal.Entry) {
	var wg sync.WaitGroup
	for _, e := range left {
		wg.Go(func() { r.handBack(ctx, e) })
	}
	wg.Wait()
}

// handBack hands one run back. The queue is told as soon as nothing of the task goes on and its log is safe.
func (r Recovery) handBack(ctx context.Context, e journal.Entry) {
	logger := r.Logger.With("taskId", e.TaskID, "runId", e.RunID)
	r.kill(ctx, logger, e.Dir)
	ctx, done := context.WithDeadlineCause(ctx, e.TakenUntil, errExpired)
	defer done()
	err := context.Cause(ctx)
	if err == nil {
		queue := r.Client.Run(tc.Fixed(e.Credentials), e.TaskID, e.RunID)
		r.upload(ctx, logger, queue, e)
		err = queue.Exception(ctx, string(task.WorkerShutdown))
	}
	switch {
	case err == nil:
		logger.Info("a task of the worker that was killed is handed back")
	case over(err):
		logger.Warn("a task of the worker that was killed is no longer this worker's", "error", err)
	default:
		logger.Error("a task of the worker that was killed could not be handed back", "error", err)
		return
	}
	r.forget(logger, e)
}

var errExpired = errors.New("the claim has expired")

// over tells whether there is nothing left to hand back.
func over(err error) bool {
	switch tc.Status(err) {
	case http.StatusConflict, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return true
	default:
		return errors.Is(err, errExpired)
	}
}

func (r Recovery) kill(ctx context.Context, logger *slog.Logger, dir string) {
	ctx, done := context.WithTimeout(ctx, killTime)
	defer done()
	if err := r.Kill(ctx, dir); err != nil {
		logger.Error("processes of a task may be left", "error", err)
	}
}

// upload uploads what is on disk of the log. Without it the run is handed back all the same.
func (r Recovery) upload(ctx context.Context, logger *slog.Logger, queue tc.Run, e journal.Entry) {
	if e.LogName == "" {
		return
	}
	ctx, done := context.WithTimeout(ctx, logTime)
	defer done()
	stored, err := tasklog.Recover(ctx, e.Own, lastLine)
	if errors.Is(err, fs.ErrNotExist) {
		return // the worker was killed before there was a log, or after it was uploaded
	}
	if err == nil {
		err = backinglog.Upload(ctx, r.Uploader, queue, logger, stored, e.LogName, e.Expires)
	}
	if err == nil && r.Live && e.LiveName != "" {
		link := tc.Artifact{StorageType: "link", ContentType: backinglog.ContentType, Artifact: e.LogName, Expires: e.Expires}
		_, err = queue.CreateArtifact(ctx, e.LiveName, link)
	}
	if err != nil && tc.Status(err) != http.StatusConflict { // else the run is over, log and all, as the next call tells
		logger.Warn("the log of a task is lost", "error", err)
	}
}

// forget removes what there is of a run that is over.
func (r Recovery) forget(logger *slog.Logger, e journal.Entry) {
	err := r.Remove(e.TaskID, e.RunID)
	if r.RemoveDir != nil {
		for _, dir := range []string{e.Dir, e.Own} {
			err = errors.Join(err, r.RemoveDir(dir))
		}
	}
	if err != nil {
		logger.Warn("something of a task is left", "error", fmt.Errorf("recovery: %w", err))
	}
}
