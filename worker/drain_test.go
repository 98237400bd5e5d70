package worker_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// TestDrainPatience: an idle worker that is told to end waits for its claimWork, but not for ever,
// and says that a claim may be lost.
func TestDrainPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.deps.Claim = func(ctx context.Context, _ int) ([]tc.Claim, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		w.expect(t, worker.EndDrained, 35*time.Second, 35*time.Second, map[time.Duration]func(*worker.Worker){
			10 * time.Second: drain(false),
			20 * time.Second: drain(false), // a second time changes nothing
		})
		if w.lost != 1 {
			t.Errorf("%d claims may be lost", w.lost)
		}
	})
}

// TestDeadline: a machine that goes away lets the tasks finish that can; the others are told when
// it goes.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		w.tasks = []time.Duration{2 * time.Minute, time.Hour}
		deadline := time.Now().Add(10 * time.Minute)
		at := func(d time.Time) func(*worker.Worker) { return func(w *worker.Worker) { w.Drain(true, d) } }
		w.expect(t, worker.EndDrained, 4*time.Minute, 4*time.Minute, map[time.Duration]func(*worker.Worker){
			time.Second:     at(deadline),
			2 * time.Second: at(deadline.Add(-5 * time.Minute)),
			3 * time.Second: at(deadline.Add(time.Hour)), // only earlier counts
		})
		if got := w.outcomes(); got[task.Completed] != 1 || got[task.WorkerShutdown] != 1 {
			t.Errorf("resolved %v", got)
		}
		cause, _ := errors.AsType[*task.Error](w.done[1].Err)
		if want := deadline.Add(-5 * time.Minute); cause == nil || !cause.Deadline.Equal(want) {
			t.Errorf("the run was told %+v, want the deadline %v", cause, want)
		}
	})
}

// TestTaskForTheIdle: a task that comes with the last poll of a worker that has been idle for too
// long is run, and so are those after it.
func TestTaskForTheIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.deps.Idle = 30 * time.Second
		w.expect(t, worker.EndIdle, 80*time.Second, 120*time.Second, map[time.Duration]func(*worker.Worker){
			35 * time.Second: func(*worker.Worker) {
				locked(w, func() int { w.tasks = []time.Duration{10 * time.Second, 10 * time.Second}; return 0 })
			},
		})
		if w.outcomes()[task.Completed] != 2 {
			t.Errorf("resolved %v", w.outcomes())
		}
	})
}

// TestIdleHour: an idle worker makes no more calls than the public one, about 360 an hour.
func TestIdleHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.deps.Terminate = func(ctx context.Context) bool {
			time.Sleep(50 * time.Millisecond)
			return w.answer(ctx)
		}
		end := time.Hour - time.Second
		w.expect(t, worker.EndDrained, end, end, map[time.Duration]func(*worker.Worker){end: (*worker.Worker).Stop})
		if n := len(w.asked) + w.asks; n < 355 || n > 360 {
			t.Errorf("%d claimWorks and %d questions to worker-manager", len(w.asked), w.asks)
		}
	})
}

// TestManySlots: as many tasks at once as a configuration may ask for.
func TestManySlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const capacity = 255
		w := newWorld(capacity)
		w.deps.Tasks = 2 * capacity
		for range 2 * capacity {
			w.tasks = append(w.tasks, time.Minute)
		}
		w.expect(t, worker.EndEnough, 2*time.Minute, 2*time.Minute+time.Second, nil)
		if w.most != capacity {
			t.Errorf("%d at once", w.most)
		}
		seen := map[int]int{}
		for _, slot := range w.slots {
			seen[slot]++
		}
		for slot := range capacity {
			if seen[slot] != 2 {
				t.Errorf("slot %d was used %d times", slot, seen[slot])
			}
		}
	})
}

// TestTooMany: what a queue gives beyond what was asked for is handed back.
func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		claim := w.deps.Claim
		w.deps.Claim = func(ctx context.Context, tasks int) ([]tc.Claim, error) { return claim(ctx, tasks+1) }
		w.deps.Tasks, w.tasks = 2, []time.Duration{time.Minute, time.Minute}
		w.expect(t, worker.EndEnough, time.Minute, time.Minute+time.Second, nil)
		if got := w.outcomes(); got[task.Completed] != 1 || got[task.WorkerShutdown] != 1 {
			t.Errorf("resolved %v", got)
		}
	})
}

// TestRestarts: over any number of restarts no more tasks are run than wanted.
func TestRestarts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(rt, "limit")
		capacity := rapid.IntRange(1, 6).Draw(rt, "capacity")
		lives := rapid.SliceOfN(rapid.IntRange(0, 200), 0, 8).Draw(rt, "lives")
		finish := rapid.Bool().Draw(rt, "finish")
		var total int
		var last worker.End
		synctest.Test(t, func(t *testing.T) {
			for _, life := range append(lives, math.MaxInt32) {
				w := newWorld(capacity)
				w.deps.Tasks = limit - total
				for i := range 2 * limit {
					w.tasks = append(w.tasks, time.Duration(i%7+1)*time.Second)
				}
				w.deps.Resolved = func(c tc.Claim, o taskrun.Outcome) {
					w.resolved(c, o)
					locked(w, func() int { total++; return 0 })
				}
				loop := worker.New(*w.deps)
				timer := time.AfterFunc(time.Duration(life)*100*time.Millisecond, func() { loop.Drain(finish, time.Time{}) })
				last = loop.Run(t.Context())
				timer.Stop()
			}
		})
		if total != limit || last != worker.EndEnough {
			rt.Errorf("%d tasks instead of %d; the last worker ended as %v", total, limit, last)
		}
	})
}
