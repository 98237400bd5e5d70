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
	"math/rand/v2"
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

// Deps are what the loop works with.
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
	// Room makes sure that there is space for a task; idle tells whether none runs.
	Room func(idle bool) error
	// Changed is told the ids of the running tasks; it must not block for long.
	Changed func(taskIDs []string)
	// Resolved is told of each run that has ended.
	Resolved func(c tc.Claim, o taskrun.Outcome)
}

// End says why the loop ended.
type End int

// The ends of a worker.
const (
	EndEnough     End = iota // numberOfTasksToRun were run
	EndIdle                  // no task for too long
	EndTerminated            // worker-manager said so
	EndDrained               // somebody asked, by Drain
	EndNoRoom                // there is no space for a task, and nothing to delete
)

// Worker is the loop. Make it with New; call Run once, Drain at any time.
type Worker struct {
	deps   Deps
	drains chan bool // finish tasks?

	running  map[string]Run
	finished chan string
	polls    chan poll
	polling  bool
	draining bool
	end      End
	failures int       // polls in a row that brought nothing at once
	notTill  time.Time // no poll before this
	active   time.Time // when there last was a task
	asked    time.Time // when worker-manager was last asked
	cleaning sync.WaitGroup
}

// poll is what a claimWork brought.
type poll struct {
	claims    []tc.Claim
	err       error
	took      time.Duration
	terminate bool
}

// New makes a worker.
func New(d Deps) *Worker {
	return &Worker{
		deps: d, drains: make(chan bool, 1), running: map[string]Run{},
		finished: make(chan string), polls: make(chan poll), active: time.Now(),
	}
}

// Drain makes the worker end: it claims no more, and the running tasks are finished or, if not
// finish, resolved as worker-shutdown at once. Only the first call counts.
func (w *Worker) Drain(finish bool) {
	select {
	case w.drains <- finish:
	default:
	}
}

// Run claims and runs tasks until there is a reason to end; it returns when all that it
// started has ended. When ctx ends, runs are given up without a report.
func (w *Worker) Run(ctx context.Context) End {
	defer w.cleaning.Wait()
	for {
		w.consider(ctx)
		if w.draining && len(w.running) == 0 && !w.polling {
			return w.end
		}
		wake := time.NewTimer(max(time.Until(w.notTill), 0))
		if w.polling || w.draining || w.free() == 0 {
			wake.Stop()
		}
		select {
		case p := <-w.polls:
			w.polled(ctx, p)
		case id := <-w.finished:
			delete(w.running, id)
			w.active = time.Now()
			w.changed()
		case finish := <-w.drains:
			w.drain(EndDrained, finish)
		case <-wake.C:
		}
		wake.Stop()
	}
}

// free is how many more tasks may run now.
func (w *Worker) free() int { return min(w.deps.Capacity, w.deps.Remaining()) - len(w.running) }

// consider starts a poll if one is due, or ends the worker that has run all its tasks.
func (w *Worker) consider(ctx context.Context) {
	if w.draining || w.polling {
		return
	}
	if w.deps.Remaining() <= 0 {
		w.drain(EndEnough, true)
		return
	}
	free := w.free()
	if free <= 0 || time.Now().Before(w.notTill) {
		return
	}
	if err := w.deps.Room(len(w.running) == 0); err != nil {
		w.deps.Logger.Error("no task is claimed", "error", err)
		if len(w.running) == 0 {
			w.drain(EndNoRoom, true)
			return
		}
		w.notTill = time.Now().Add(noRoomWait)
		return
	}
	w.polling = true
	ask := w.deps.Terminate != nil && time.Since(w.asked) >= askEvery
	if ask {
		w.asked = time.Now()
	}
	w.cleaning.Go(func() { w.polls <- w.poll(ctx, free, ask) })
}

const (
	// noRoomWait is how long a worker without space waits while a task runs that may free some.
	noRoomWait = 10 * time.Second
	// askEvery bounds how often worker-manager is asked whether the worker should end.
	askEvery = 20 * time.Second
	// atOnce is how quickly an empty reply comes from a service that does not wait.
	atOnce = time.Second
	// pollTimeout ends a poll that the service has forgotten; it waits for 20 s itself.
	pollTimeout = 50 * time.Second
)

// poll makes one claimWork and, beside it, asks whether the worker should end.
func (w *Worker) poll(ctx context.Context, tasks int, ask bool) (p poll) {
	var asking sync.WaitGroup
	if ask {
		asking.Go(func() { p.terminate = w.deps.Terminate(ctx) })
	}
	begin := time.Now()
	ctx, done := context.WithTimeout(ctx, pollTimeout)
	defer done()
	claims, err := w.deps.Claim(ctx, tasks)
	took := time.Since(begin)
	asking.Wait()
	p.claims, p.err, p.took = claims, err, took
	return p
}

// polled starts what a poll brought, or decides when to poll again.
func (w *Worker) polled(ctx context.Context, p poll) {
	w.polling = false
	for _, c := range p.claims {
		w.start(ctx, c)
	}
	if p.terminate && !w.draining {
		w.drain(EndTerminated, true)
	}
	switch {
	case p.err != nil:
		w.deps.Logger.Warn("claimWork failed; if its reply was lost, a claim may be lost until it expires", "error", p.err)
		w.backOff()
	case len(p.claims) == 0 && p.took < atOnce:
		w.backOff()
	default:
		w.failures = 0
	}
	if idle := time.Since(w.active); len(w.running) == 0 && w.deps.Idle > 0 && idle >= w.deps.Idle && !w.draining {
		w.idle(ctx)
	}
}

// idle ends a worker that has had no task for long, unless worker-manager wants it to stay.
func (w *Worker) idle(ctx context.Context) {
	if w.deps.Terminate != nil && !w.deps.Terminate(ctx) {
		w.active = time.Now()
		return
	}
	w.drain(EndIdle, true)
}

// backOff waits longer after each failure: 1 to 2 s, then 2 to 4, up to a minute.
func (w *Worker) backOff() {
	step := time.Second << min(w.failures, 5)
	w.failures++
	w.notTill = time.Now().Add(step + time.Duration(rand.Int64N(int64(step))))
}

// start begins a run. One that came while draining is handed back.
func (w *Worker) start(ctx context.Context, c tc.Claim) {
	run := w.deps.NewRun(c)
	id := fmt.Sprintf("%s/%d", c.TaskID, c.RunID)
	w.running[id] = run
	w.active = time.Now()
	w.changed()
	if w.draining {
		run.Abort(errShutdown())
	}
	w.cleaning.Go(func() {
		outcome := run.Run(ctx)
		w.deps.Resolved(c, outcome)
		w.finished <- id
		run.Clean(context.WithoutCancel(ctx))
	})
}

func errShutdown() error { return task.Shutdown("the worker is going away; the queue tries the task again") }

// drain makes the worker end for this reason. A later reason does not change the first, but
// a request not to finish does abort the tasks.
func (w *Worker) drain(end End, finish bool) {
	if !w.draining {
		w.draining, w.end = true, end
	}
	if finish {
		return
	}
	for _, run := range w.running {
		run.Abort(errShutdown())
	}
}

func (w *Worker) changed() {
	ids := make([]string, 0, len(w.running))
	for _, run := range w.running {
		ids = append(ids, run.TaskID())
	}
	w.deps.Changed(ids)
}
