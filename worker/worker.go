// Package worker is the task worker's main loop: it claims tasks while it has free slots, has
// each taken through its life, and knows when to end.
//
//	starting ─► claiming ◄──► full
//	    │           │           │
//	    └───────────┴─────┬─────┘
//	                      ▼
//	                  draining ─► stopped
//
// Claiming: a slot is free, and one claimWork is in flight, or waited for: after an error, for
// space, or after runs that failed through this machine's fault. Full: no slot is free, no
// claimWork. Draining: no further claim; the tasks that run are finished or aborted, and what a
// claimWork in flight still brings is handed back as worker-shutdown. Stopped: nothing that the
// worker started goes on. With nothing to wait for, draining is passed over.
//
// One goroutine, in Run, owns all of it. What takes time runs beside it and tells it the result:
// the claimWork, the runs, the deletion of what they leave, the making of space, the question
// whether to end. Every wait ends early when something happens; none is a fixed pause.
package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
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
	// Tasks is how many tasks may be run in all; math.MaxInt for no limit.
	Tasks int
	// Idle is after how long without a task the worker ends; 0 is never.
	Idle time.Duration
	// Faults says what to do when runs fail through this machine's fault.
	Faults Faults
	// Claim asks the queue for tasks and waits a while for the first.
	Claim func(ctx context.Context, tasks int) ([]tc.Claim, error)
	// MayBeLost is told of a claimWork whose reply did not come, though the queue may have given
	// tasks with it.
	MayBeLost func(err error)
	// NewRun makes the run of a claimed task. The slot is 0 to Capacity-1, the lowest that is free.
	NewRun func(c tc.Claim, slot int) Run
	// Terminate asks worker-manager whether this worker should end; nil without start-worker.
	Terminate func(ctx context.Context) bool
	// Sweep deletes what an earlier worker left; it runs beside the rest.
	Sweep func()
	// Room tells for how many of so many tasks there is space.
	Room func(tasks int) (int, error)
	// Collect makes space by deleting what can be had again, and tells whether it deleted anything.
	Collect func(ctx context.Context) bool
	// Changed is told the ids of the running tasks.
	Changed func(taskIDs []string)
	// Resolved is told of each run that has ended, beside the loop.
	Resolved func(c tc.Claim, o taskrun.Outcome)
	// Quiet is called when nothing has run for a moment, after the start and after tasks.
	Quiet func()
}

// End says why the loop ended.
type End int

// The ends of a worker.
const (
	EndEnough     End = iota // as many tasks as wanted were run
	EndIdle                  // no task for too long
	EndTerminated            // worker-manager said so
	EndDrained               // somebody asked, by Drain or Stop
	EndNoRoom                // there is no space for a task, and nothing to delete
	EndFaulty                // too many runs in a row failed through this machine's fault
)

// Worker is the loop. Make it with New; call Run once, Drain and Stop at any time.
type Worker struct {
	deps   Deps
	wishes wishes
	state  State
	owned  sync.WaitGroup

	running  map[int]Run // by slot
	left     int         // tasks that may still be run, those that run included
	finished chan ended
	unsaid   bool // Changed is to be called

	polls    chan poll
	polling  context.CancelFunc // nil when no poll is in flight
	failures int                // polls in a row that brought nothing at once
	notTill  time.Time          // no poll before this
	faults   streak

	cleaned    chan struct{}
	cleaning   int // runs that have ended and leave things to delete, and Sweep
	collected  chan bool
	collecting bool
	barren     bool // there was nothing to collect, and nothing has happened since

	answers chan bool // has room for one, as nobody waits for it at the end
	asking  bool
	leaving bool      // it ends when the poll in flight brings no task
	asked   time.Time // when worker-manager was last asked
	active  time.Time // when there last was a task

	draining bool
	end      End
	aborting bool      // the running tasks were told to end
	giveUp   time.Time // when a poll in flight is no longer waited for; zero when it does not matter

	quiet time.Time // when Quiet is due; zero when it is not
}

// New makes a worker.
func New(d Deps) *Worker {
	return &Worker{
		deps: d, wishes: newWishes(), running: map[int]Run{}, left: d.Tasks, faults: streak{Faults: d.Faults},
		finished: make(chan ended), cleaned: make(chan struct{}), collected: make(chan bool),
		answers: make(chan bool, 1), polls: make(chan poll), active: time.Now(),
	}
}

// Run claims and runs tasks until there is a reason to end; it returns when all that it
// started has ended. When ctx ends, runs are given up without a report.
func (w *Worker) Run(ctx context.Context) End {
	defer w.owned.Wait()
	ctx, done := context.WithCancel(ctx)
	defer done()
	w.quiet = time.Now().Add(quietAfter)
	w.clean(w.deps.Sweep)
	gone := ctx.Done()
	for {
		w.obey()
		w.consider(ctx)
		w.rest()
		if w.move() == Stopped {
			return w.end
		}
		alarm := w.alarm()
		select {
		case p := <-w.polls:
			w.polled(ctx, p)
		case e := <-w.finished:
			w.ended(e)
		case <-w.cleaned:
			w.cleaning--
			w.spaceMade(true)
		case some := <-w.collected:
			w.collecting = false
			w.spaceMade(some)
		case yes := <-w.answers:
			w.answered(yes)
		case <-w.wishes.news:
		case <-gone:
			gone = nil
			w.Stop()
		case <-alarm.C:
		}
		alarm.Stop()
	}
}

// alarm fires when something is due though nothing happens. What is due is done by the loop when
// it comes round, and is due no more then.
func (w *Worker) alarm() *time.Timer {
	const never = 24 * time.Hour // once a day nothing is due
	next := time.Now().Add(never)
	for _, at := range []time.Time{w.pollDue(), w.idleDue(), w.abortDue(), w.giveUp, w.quiet} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return time.NewTimer(time.Until(next))
}

// rest says what has changed, and calls Quiet when it is due. It comes after a new poll was sent,
// which does not wait for it.
func (w *Worker) rest() {
	if w.unsaid {
		w.unsaid = false
		ids := make([]string, 0, len(w.running))
		for _, run := range w.running {
			ids = append(ids, run.TaskID())
		}
		w.deps.Changed(ids)
	}
	if !w.quiet.IsZero() && !time.Now().Before(w.quiet) {
		w.quiet = time.Time{}
		w.owned.Go(w.deps.Quiet)
	}
}
