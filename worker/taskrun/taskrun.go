// Package taskrun takes one claimed run of a task through its life: the hooks of the plugins
// and the stages of the engine in the order that package plugins draws, to its resolution.
package taskrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// ErrLost means that the queue no longer takes a report of this run: it was cancelled, its
// deadline passed, or its claim expired.
var ErrLost = errors.New("the run is no longer this worker's")

// Deps are what all runs of a worker share.
type Deps struct {
	Client   *tc.Client
	Engine   engines.Engine
	Plugins  []plugins.Plugin // in order
	Schema   *payload.Schema
	Logger   *slog.Logger
	Now      func() time.Time
	TasksDir string        // absolute
	Header   string        // the first lines of each log
	Grace    time.Duration // for commands that are ended early
	CleanUp  bool          // remove the task's directories
	// Started is told when a run's first command is about to start; it must not block.
	Started func(taskID string, runID int64)
}

// Outcome is how a run ended.
type Outcome struct {
	Resolution task.Resolution // as reported; "" when the run was lost
	Err        error           // the first error
}

// Runner is one run. Call Run once, then Clean once.
type Runner struct {
	deps   Deps
	claim  tc.Claim
	queue  tc.Run
	logger *slog.Logger
	keep   *keeper
	first  firstError

	aborted context.Context //nolint:containedctx // ends when the run is aborted, which may be before Run
	abort   context.CancelCauseFunc

	reporting atomic.Bool

	dir   string
	own   string
	run   *task.Run
	hooks []hook
}

// New prepares a run that was claimed. Nothing happens before Run.
func New(d Deps, c tc.Claim) *Runner {
	r := &Runner{deps: d, claim: c, logger: d.Logger.With("taskId", c.TaskID, "runId", c.RunID)}
	r.keep = newKeeper(c)
	r.queue = d.Client.Run(r.keep.credentials, c.TaskID, c.RunID)
	r.aborted, r.abort = context.WithCancelCause(context.Background())
	return r
}

// TaskID is the task's id.
func (r *Runner) TaskID() string { return r.claim.TaskID }

// Abort ends the commands early; the first cause, best a *task.Error, decides the resolution
// unless there was an error before. It may be called at any time.
func (r *Runner) Abort(cause error) { r.abort(cause) }

// Run takes the run to its resolution and returns when the queue has been told. When ctx ends
// the worker gives up on the run.
func (r *Runner) Run(ctx context.Context) Outcome {
	working, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	keeping, stop := context.WithCancel(ctx)
	var keeper sync.WaitGroup
	defer keeper.Wait()
	defer stop()
	keeper.Go(func() {
		if err := r.keep.run(keeping, r.queue, r.logger); err != nil && !r.reporting.Load() {
			r.first.set(err)
			r.abort(err)
			giveUp(err)
		}
	})
	if err := r.guard("the worker", func() error { return r.work(working) }); err != nil {
		r.first.set(err)
	}
	if err := context.Cause(working); err != nil {
		return Outcome{Err: err}
	}
	// The claim is kept while the report is repeated, but a refusal no longer means much: the
	// report may have come first.
	r.reporting.Store(true)
	return r.resolve(ctx)
}

// work is everything between the claim and the report.
func (r *Runner) work(ctx context.Context) error {
	if err := r.open(); err != nil {
		return task.Internal("the worker could not prepare the task: %w", err)
	}
	r.body(ctx)
	return nil
}

// open makes the task directory and the log. The worker's own folder is beside the task
// directory, as a task may empty that or upload all of it.
func (r *Runner) open() error {
	name := dirName(r.claim.TaskID, r.claim.RunID)
	r.dir, r.own = filepath.Join(r.deps.TasksDir, name), filepath.Join(r.deps.TasksDir, ownPrefix+name)
	for _, dir := range []string{r.dir, r.own} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the task directory: %w", err)
		}
	}
	run := &task.Run{TaskID: r.claim.TaskID, RunID: r.claim.RunID, Raw: r.claim.Task, Dir: r.dir, Own: r.own, Queue: r.queue, Logger: r.logger, Abort: r.abort}
	if err := json.Unmarshal(r.claim.Task, &run.Definition); err != nil {
		return fmt.Errorf("read the task definition: %w", err)
	}
	log, err := tasklog.New(r.own, r.deps.Now)
	if err != nil {
		return err
	}
	run.Log, r.run = log, run
	return nil
}

// resolve tells the queue how the run ended.
func (r *Runner) resolve(ctx context.Context) Outcome {
	err := r.first.get()
	out := Outcome{Resolution: task.Resolve(err), Err: err}
	if errors.Is(err, ErrLost) { // noticed while the last hooks ran
		out.Resolution = ""
		return out
	}
	var report error
	switch out.Resolution {
	case task.Completed:
		report = r.queue.Completed(ctx)
	case task.Failed:
		report = r.queue.Failed(ctx)
	default:
		report = r.queue.Exception(ctx, string(out.Resolution))
	}
	switch {
	case tc.Status(report) == http.StatusConflict:
		out = Outcome{Err: fmt.Errorf("%w: %w", ErrLost, report)}
		r.logger.Warn("the run was resolved by somebody else meanwhile", "error", report)
	case report != nil:
		r.logger.Error("the queue did not take the resolution", "resolution", out.Resolution, "error", report)
		out.Resolution = ""
	}
	return out
}

// Clean frees everything that the run held and removes its directories.
func (r *Runner) Clean(ctx context.Context) {
	for _, h := range reversed(r.hooks) {
		if closer, ok := h.hooks.(plugins.Closer); ok {
			if err := r.guard(h.name, func() error { return closer.Close(ctx) }); err != nil {
				r.logger.Error("clean-up failed", "plugin", h.name, "error", err)
			}
		}
	}
	if r.run != nil {
		if err := r.run.Log.Remove(); err != nil {
			r.logger.Warn("the log's spool is left", "error", err)
		}
	}
	if r.deps.CleanUp {
		r.removeDirs()
	}
}

func (r *Runner) removeDirs() {
	for _, dir := range []string{r.dir, r.own} {
		if dir == "" {
			continue // the run never began
		}
		if err := RemoveDir(dir); err != nil {
			r.logger.Warn("a directory of the task is left", "error", err)
		}
	}
}

// The names of a run's directories: what begins with taskPrefix is the task's, and the worker's
// own has ownPrefix in front of that.
const (
	taskPrefix = "task_"
	ownPrefix  = "own_"
)

// IsDir tells whether a name below the TasksDir is that of a directory of a run.
func IsDir(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name, ownPrefix), taskPrefix)
}

// dirName is the name of a task's directory: at most 20 characters, as some systems want of
// the user of the same name.
func dirName(taskID string, runID int64) string {
	suffix := fmt.Sprintf("_%d", runID)
	const most = 20
	name := taskPrefix + taskID
	return name[:min(len(name), most-len(suffix))] + suffix
}
