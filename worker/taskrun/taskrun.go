// Package taskrun takes one claimed run of a task through its life: the hooks of the plugins
// and the stages of the engine in the order that package plugins draws, to its resolution.
//
// The phases of a run, of which none is entered twice:
//
//	claimed ─► preparing ─► running ─► uploading ─► reporting ─► resolved ─► cleaning ─► gone
//	                └───────────────────▲   └────────────────────────▲
//	                   nothing was started         the run is lost
//
// What may happen at any point, and where it leads:
//
//	             aborted              lost                     stuck
//	claimed      nothing is started   nothing is started
//	preparing    uploading            as aborted, in silence   uploading
//	running      killed, uploading    as aborted, in silence
//	uploading    no effect (*)        its context ends         its context ends
//	reporting    no effect            no effect
//	cleaning     no effect            no effect                its context ends
//
// Aborted: the worker goes away, or a plugin has had enough (maxRunTime). Lost: the task was
// cancelled or its deadline has passed, as the queue says when it is asked (Deps.Watch) or
// refuses to prolong the claim; or the claim has expired, as no attempt to prolong it succeeded.
// In silence: the contexts of later hooks have ended, so nothing is uploaded, and nothing is
// reported. Stuck: the phase took longer than Deps.StuckAfter; the run ends as internal-error. A
// hook that does not obey the end of its context is left behind after some minutes, and its run
// reported all the same.
//
// (*) When the abort says when the machine goes away, artifacts end in time for the log, and the
// log in time for the report.
package taskrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/tc"
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
	Kinds    []Kind           // of payloads: the first that accepts one is its; at least one
	Plugins  []plugins.Plugin // in order
	Logger   *slog.Logger
	Now      func() time.Time
	TasksDir string        // absolute
	Header   string        // the first lines of each log
	Grace    time.Duration // for commands that are ended early
	CleanUp  bool          // remove the task's directories
	// StuckAfter is how long each phase but running may take, and of uploading the artifacts and
	// the log each; 0 is for ever.
	StuckAfter time.Duration
	Journal    Journal // nil is none
	Watch      Watch   // nil is none
	// Started is told when a run's first command is about to start; it must not block.
	Started func(taskID string, runID int64)
}

// Outcome is how a run ended.
type Outcome struct {
	Resolution task.Resolution // as reported; "" when the run was lost
	Err        error           // the first error
	Started    bool            // a command was started, or tried to
}

// Runner is one run. Call Run once, then Clean once.
type Runner struct {
	deps       Deps
	claim      tc.Claim
	slot       int
	definition task.Definition
	malformed  error // the definition cannot be read
	kind       Kind  // of the payload
	known      bool  // the payload is of this kind indeed
	queue      tc.Run
	logger     *slog.Logger
	keep       *keeper
	first      firstError
	state      state

	aborted context.Context //nolint:containedctx // ends when the run is aborted, which may be before Run
	abort   context.CancelCauseFunc

	noted     chan struct{} // closed when the claim is in the journal
	worked    chan struct{} // closed when nothing of the run goes on
	abandoned chan struct{} // closed when that is no longer waited for

	begun atomic.Bool // Outcome.Started
	out   Outcome     // of Run, for Clean

	dir   string
	own   string
	run   *task.Run
	hooks []hook
}

// New prepares a run that was claimed, for a slot of the worker: see task.Run. Nothing happens
// before Run.
func New(d Deps, c tc.Claim, slot int) *Runner {
	r := &Runner{
		deps: d, claim: c, slot: slot, logger: d.Logger.With("taskId", c.TaskID, "runId", c.RunID),
		noted: make(chan struct{}), worked: make(chan struct{}), abandoned: make(chan struct{}),
	}
	r.malformed = json.Unmarshal(c.Task, &r.definition)
	r.kind, r.known = kindOf(d.Kinds, r.definition.Payload)
	name := dirName(c.TaskID, c.RunID)
	r.dir, r.own = filepath.Join(d.TasksDir, name), filepath.Join(d.TasksDir, ownPrefix+name)
	r.keep = newKeeper(c, r.definition.Deadline)
	r.queue = d.Client.Run(r.keep.credentials, c.TaskID, c.RunID)
	r.aborted, r.abort = context.WithCancelCause(context.Background())
	return r
}

// TaskID is the task's id.
func (r *Runner) TaskID() string { return r.claim.TaskID }

// Dirs are the directories of the run: the task's and the worker's own. They are there from Run to
// Clean.
func (r *Runner) Dirs() (task, own string) { return r.dir, r.own }

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
	keeper.Go(func() {
		r.note(r.claim.TakenUntil, r.claim.Credentials)
		close(r.noted)
		if err := r.keep.run(keeping, r.queue, r.logger, r.note); err != nil {
			r.lost(err, giveUp)
		}
	})
	unwatch := r.watch(giveUp)
	out := r.live(ctx, working)
	unwatch()
	stop()
	keeper.Wait()
	r.enter(resolved, nil)
	out.Started = r.begun.Load()
	r.out = out
	return out
}

// live does the work and tells the queue how it ended, while the claim is kept.
func (r *Runner) live(ctx, working context.Context) Outcome {
	go func() { // Clean waits for it
		defer close(r.worked)
		if err := r.protect("the worker", func() error { return r.work(working) }); err != nil {
			r.first.set(err)
		}
	}()
	select {
	case <-r.worked:
	case <-r.abandoned:
	}
	if err := context.Cause(working); err != nil {
		return Outcome{Err: err}
	}
	r.enter(reporting, nil)
	return r.resolve(ctx)
}

// watch has the run given up when the queue has ended it.
func (r *Runner) watch(giveUp context.CancelCauseFunc) (remove func()) {
	if r.deps.Watch == nil {
		return func() {}
	}
	return r.deps.Watch.Add(r.claim.TaskID, r.claim.RunID, func(reason string) {
		r.lost(fmt.Errorf("%w: the queue has ended the run: %s", ErrLost, reason), giveUp)
	})
}

// lost ends the run without a report. A run that is being reported is no longer lost: it may be
// this worker's report that has ended it, and the reply tells.
func (r *Runner) lost(err error, giveUp context.CancelCauseFunc) {
	if r.at() >= reporting {
		return
	}
	r.logger.Warn("the task is ended here too", "error", err)
	r.first.set(err)
	r.abort(err)
	giveUp(err)
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
	if r.malformed != nil {
		return fmt.Errorf("read the task definition: %w", r.malformed)
	}
	for _, dir := range []string{r.dir, r.own} {
		if err := private.MkdirAll(dir); err != nil {
			return fmt.Errorf("make the task directory: %w", err)
		}
	}
	run := &task.Run{
		TaskID: r.claim.TaskID, RunID: r.claim.RunID, Slot: r.slot, Definition: r.definition, Raw: r.claim.Task,
		Dir: r.dir, Own: r.own, Queue: r.queue, Credentials: r.keep.credentials, Uploads: &task.Uploads{},
		Logger: r.logger, Abort: r.abort,
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

// Clean frees everything that the run held and removes its directories. When it returns nothing
// of the run goes on, unless ctx has ended or a plugin does not obey the end of its context.
func (r *Runner) Clean(ctx context.Context) {
	r.forget(r.out) // here, so that the slot's next run need not wait for it
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	select {
	case <-r.worked:
	case <-ctx.Done():
		r.logger.Error("a task's directories are left, as something of it goes on")
		return
	}
	r.enter(cleaning, end)
	defer r.enter(gone, nil)
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
