// Package worker is the task worker's main loop: it claims tasks while it has free slots, has
// each taken through its life, and knows when to end.
//
//	starting ─► claiming ◄─► full ─► draining ─► stopped
//	               └────────────────────▲
//
// Claiming: a slot is free and one claimWork is in flight, or waited for after an error. Full:
// no slot is free, no claimWork. Draining: no further claim; the tasks that run are finished or
// aborted, and what a claimWork in flight still brings is handed back as worker-shutdown.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// Run is one run of a task, from claim to resolution: see taskrun.Runner.
type Run interface {
	TaskID() string
	Run(ctx context.Context) taskrun.Outcome
	Clean(ctx context.Context)
	Abort(cause error)
}

// Deps are what the loop works with. The functions that have no context must not block for long.
type Deps struct {
	Logger   *slog.Logger
	Capacity int
	// Idle is after how long without a task the worker ends; 0 is never.
	Idle time.Duration
	// Remaining tells how many tasks may still be resolved, those that run included.
	Remaining func() int
	// Claim asks the queue for tasks and waits a while for the first.
	Claim func(ctx context.Context, tasks int) ([]tc.Claim, error)
	// NewRun makes the run of a claimed task.
	NewRun func(tc.Claim) Run
	// Terminate asks worker-manager whether this worker should end; nil without start-worker.
	Terminate func(ctx context.Context) bool
	// Sweep deletes what an earlier worker left; it runs beside the rest.
	Sweep func()
	// Room makes sure that there is space for a task.
	Room func() error
	// Changed is told the ids of the running tasks.
	Changed func(taskIDs []string)
	// Resolved is told of each run that has ended, from the run's goroutine.
	Resolved func(c tc.Claim, o taskrun.Outcome)
	// Quiet is called when nothing has run for a moment after a task.
	Quiet func()
}

// End says why the loop ended.
type End int

// The ends of a worker.
const (
	EndEnough     End = iota // numberOfTasksToRun were run
	EndIdle                  // no task for too long
	EndTerminated            // worker-manager said so
	EndDrained               // somebody asked, by Drain or Stop
	EndNoRoom                // there is no space for a task, and nothing to delete
)

// Worker is the loop. Make it with New; call Run once, Drain and Stop at any time.
type Worker struct {
	deps   Deps
	wishes wishes

	running  map[string]Run
	finished chan string
	cleaned  chan struct{}
	cleaning int         // runs that have ended and leave things to delete, and Sweep
	answers  chan answer // has room for one, as nobody waits for it at the end
	asking   bool
	leaving  bool // asking, and no task is claimed before the answer
	polls    chan poll
	polling  context.CancelFunc // nil when no poll is in flight
	draining bool
	end      End
	failures int       // polls in a row that brought nothing at once
	notTill  time.Time // no poll before this
	active   time.Time // when there last was a task
	asked    time.Time // when worker-manager was last asked
	quiet    time.Time // when Quiet is due; zero when it is not
	owned    sync.WaitGroup
}

// quietAfter is how long nothing must run before Quiet is called.
const quietAfter = time.Second

// New makes a worker.
func New(d Deps) *Worker {
	return &Worker{
		deps: d, wishes: newWishes(), running: map[string]Run{},
		finished: make(chan string), cleaned: make(chan struct{}),
		answers: make(chan answer, 1), polls: make(chan poll), active: time.Now(),
	}
}

// Run claims and runs tasks until there is a reason to end; it returns when all that it
// started has ended. When ctx ends, runs are given up without a report.
func (w *Worker) Run(ctx context.Context) End {
	defer w.owned.Wait()
	ctx, done := context.WithCancel(ctx)
	defer done()
	w.clean(w.deps.Sweep)
	gone := ctx.Done()
	for {
		w.obey()
		w.consider(ctx)
		if w.draining && len(w.running) == 0 && w.polling == nil && w.cleaning == 0 {
			return w.end
		}
		wake, stop := w.alarm()
		select {
		case p := <-w.polls:
			w.polled(ctx, p)
		case id := <-w.finished:
			w.ended(id)
		case <-w.cleaned:
			w.cleaning--
			if w.failures == 0 { // then it is for space that the next poll waits, if it does
				w.notTill = time.Time{}
			}
		case a := <-w.answers:
			w.answered(a)
		case <-w.wishes.news:
		case <-gone:
			gone = nil
			w.Stop()
		case <-wake:
			w.rest()
		}
		stop()
	}
}

// alarm fires when there is something to do though nothing has happened: the next poll after
// a wait, or Quiet.
func (w *Worker) alarm() (wake <-chan time.Time, stop func()) {
	var next time.Time
	if w.mayPoll() && w.free() > 0 {
		next = w.notTill
	}
	if !w.quiet.IsZero() && (next.IsZero() || w.quiet.Before(next)) {
		next = w.quiet
	}
	if next.IsZero() {
		return nil, func() {}
	}
	timer := time.NewTimer(time.Until(next))
	return timer.C, func() { timer.Stop() }
}

// rest calls Quiet when it is due.
func (w *Worker) rest() {
	if !w.quiet.IsZero() && !time.Now().Before(w.quiet) {
		w.quiet = time.Time{}
		w.owned.Go(w.deps.Quiet)
	}
}

// free is how many more tasks may run now.
func (w *Worker) free() int { return min(w.deps.Capacity, w.deps.Remaining()) - len(w.running) }

// cleanTime bounds what a run may take to free everything once it is resolved.
const cleanTime = 5 * time.Minute

// start begins a run. One that came while draining is handed back.
func (w *Worker) start(ctx context.Context, c tc.Claim) {
	run := w.deps.NewRun(c)
	id := fmt.Sprintf("%s/%d", c.TaskID, c.RunID)
	w.running[id] = run
	w.active, w.quiet = time.Now(), time.Time{}
	w.changed()
	if w.draining {
		run.Abort(errShutdown())
	}
	w.owned.Go(func() {
		w.deps.Resolved(c, w.outcome(ctx, run))
		w.finished <- id
		cleaning, done := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
		defer done()
		run.Clean(cleaning)
		w.cleaned <- struct{}{}
	})
}

// outcome keeps the worker alive when a run's own code panics: its claim expires.
func (w *Worker) outcome(ctx context.Context, run Run) (o taskrun.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			w.deps.Logger.Error("panic", "taskId", run.TaskID(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			o.Err = task.Internal("the worker failed")
		}
	}()
	return run.Run(ctx)
}

// ended frees the slot of a run, which goes on deleting what it leaves.
func (w *Worker) ended(id string) {
	delete(w.running, id)
	w.cleaning++
	w.active = time.Now()
	if len(w.running) == 0 {
		w.quiet = w.active.Add(quietAfter)
	}
	w.changed()
}

// clean runs fn, which deletes things, beside the loop.
func (w *Worker) clean(fn func()) {
	w.cleaning++
	w.owned.Go(func() {
		fn()
		w.cleaned <- struct{}{}
	})
}

func (w *Worker) changed() {
	ids := make([]string, 0, len(w.running))
	for _, run := range w.running {
		ids = append(ids, run.TaskID())
	}
	w.deps.Changed(ids)
}
