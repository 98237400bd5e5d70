package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

const longPoll = 20 * time.Second

// world is everything around the loop; its queue gives one claim for each entry of tasks.
type world struct {
	deps *worker.Deps

	mu        sync.Mutex
	tasks     []time.Duration // how long each waiting task takes
	asked     []int           // how many tasks each claim asked for
	askedAt   []time.Time
	down      error
	running   int
	most      int   // ran at once
	slots     []int // as runs got them
	lost      int   // claims, perhaps
	done      []taskrun.Outcome
	changed   [][]string
	terminate bool
	asks      int
	sweeping  time.Duration
	room      int // for so many tasks at a time
	garbage   int // collections that free something
	collects  int
	quiet     int
	cleanFor  time.Duration
	panics    bool
}

func newWorld(capacity int) *world {
	w := &world{room: math.MaxInt}
	w.deps = &worker.Deps{
		Logger: slog.New(slog.DiscardHandler), Capacity: capacity,
		Tasks: math.MaxInt, Claim: w.claim, NewRun: w.newRun,
		MayBeLost: func(error) { locked(w, func() int { w.lost++; return 0 }) },
		Sweep:     func() { time.Sleep(w.sweeping) },
		Room: func(tasks int) (int, error) {
			return locked(w, func() int { return min(tasks, w.room) }), errors.New("full")
		},
		Collect:  w.collect,
		Changed:  func(ids []string) { w.changed = append(w.changed, ids) },
		Resolved: w.resolved,
		Quiet:    func() { locked(w, func() int { w.quiet++; return 0 }) },
	}
	return w
}

func locked[T any](w *world, fn func() T) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fn()
}

func (w *world) claim(ctx context.Context, tasks int) ([]tc.Claim, error) {
	w.mu.Lock()
	w.asked, w.askedAt = append(w.asked, tasks), append(w.askedAt, time.Now())
	down := w.down
	w.mu.Unlock()
	if down != nil {
		return nil, down
	}
	end := time.After(longPoll)
	for {
		w.mu.Lock()
		n := min(tasks, len(w.tasks))
		var claims []tc.Claim
		for i := range n {
			claims = append(claims, tc.Claim{TaskID: fmt.Sprintf("%s-%d", w.tasks[i], len(w.asked)*100+i)})
		}
		w.tasks = w.tasks[n:]
		w.mu.Unlock()
		if n > 0 {
			return claims, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-end:
			return nil, nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

type run struct {
	world   *world
	id      string
	aborted context.Context
	abort   context.CancelCauseFunc
}

// collect makes space for one task if there is garbage; it takes a minute.
func (w *world) collect(context.Context) bool {
	time.Sleep(time.Minute)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.collects++
	if w.garbage == 0 {
		return false
	}
	w.garbage--
	w.room++
	return true
}

func (w *world) newRun(c tc.Claim, slot int) worker.Run {
	w.slots = append(w.slots, slot)
	r := &run{world: w, id: c.TaskID}
	r.aborted, r.abort = context.WithCancelCause(context.Background())
	return r
}

func (r *run) TaskID() string    { return r.id }
func (r *run) Abort(cause error) { r.abort(cause) }
func (r *run) Clean(context.Context) {
	time.Sleep(r.world.cleanFor)
}

func (r *run) Run(ctx context.Context) taskrun.Outcome {
	locked(r.world, func() int {
		r.world.running++
		r.world.most = max(r.world.most, r.world.running)
		return 0
	})
	defer locked(r.world, func() int { r.world.running--; return 0 })
	if r.world.panics {
		panic("told to")
	}
	text, _, _ := strings.Cut(r.id, "-")
	d, err := time.ParseDuration(text)
	if err != nil {
		return taskrun.Outcome{Err: err}
	}
	select {
	case <-r.aborted.Done():
		return taskrun.Outcome{Resolution: task.Resolve(context.Cause(r.aborted)), Err: context.Cause(r.aborted)}
	case <-ctx.Done():
		return taskrun.Outcome{Err: context.Cause(ctx)}
	case <-time.After(d):
		return taskrun.Outcome{Resolution: task.Completed}
	}
}

func (w *world) resolved(_ tc.Claim, o taskrun.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, o)
}

// expect runs the loop to its end and compares the end and its time. after are things that
// happen meanwhile.
func (w *world) expect(t *testing.T, want worker.End, least, most time.Duration, after map[time.Duration]func(*worker.Worker)) {
	t.Helper()
	loop := worker.New(*w.deps)
	begin := time.Now()
	for d, fn := range after {
		time.AfterFunc(d, func() { fn(loop) })
	}
	if got := loop.Run(t.Context()); got != want {
		t.Errorf("ended as %v, want %v", got, want)
	}
	if took := time.Since(begin); took < least || took > most {
		t.Errorf("ended after %v, want %v to %v", took, least, most)
	}
}

func (w *world) outcomes() map[task.Resolution]int {
	all := map[task.Resolution]int{}
	for _, o := range w.done {
		all[o.Resolution]++
	}
	return all
}

func drain(finish bool) func(*worker.Worker) {
	return func(w *worker.Worker) { w.Drain(finish, time.Time{}) }
}

func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(3)
		w.deps.Tasks = 7
		for range 20 {
			w.tasks = append(w.tasks, time.Minute)
		}
		w.expect(t, worker.EndEnough, 3*time.Minute, 3*time.Minute+time.Second, nil)
		if w.most != 3 || len(w.done) != 7 {
			t.Errorf("%d at once, %d in all", w.most, len(w.done))
		}
		for _, n := range w.asked {
			if n > 3 || n < 1 {
				t.Errorf("asked for %v", w.asked)
			}
		}
	})
}

// TestDrain: what happens to a task that runs and to one that the poll in flight brings.
func TestDrain(t *testing.T) {
	for name, c := range map[string]struct {
		after map[time.Duration]func(*worker.Worker)
		ends  time.Duration
		want  map[task.Resolution]int
	}{
		"finish":           {map[time.Duration]func(*worker.Worker){time.Second: drain(true)}, 30 * time.Second, map[task.Resolution]int{task.Completed: 1, task.WorkerShutdown: 1}},
		"abort":            {map[time.Duration]func(*worker.Worker){time.Second: drain(false)}, 5 * time.Second, map[task.Resolution]int{task.WorkerShutdown: 2}},
		"finish and abort": {map[time.Duration]func(*worker.Worker){time.Second: drain(true), 10 * time.Second: drain(false)}, 10 * time.Second, map[task.Resolution]int{task.WorkerShutdown: 2}},
		"abort and finish": {map[time.Duration]func(*worker.Worker){time.Second: drain(false), 2 * time.Second: drain(true)}, 5 * time.Second, map[task.Resolution]int{task.WorkerShutdown: 2}},
		"stop":             {map[time.Duration]func(*worker.Worker){time.Second: drain(true), 2 * time.Second: (*worker.Worker).Stop}, 2 * time.Second, map[task.Resolution]int{task.WorkerShutdown: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(2)
				w.tasks = []time.Duration{30 * time.Second}
				c.after[5*time.Second] = func(*worker.Worker) {
					locked(w, func() int { w.tasks = append(w.tasks, time.Hour); return 0 })
				}
				w.expect(t, worker.EndDrained, c.ends, c.ends+time.Second, c.after)
				got := w.outcomes()
				if len(got) != len(c.want) || got[task.WorkerShutdown] != c.want[task.WorkerShutdown] || got[task.Completed] != c.want[task.Completed] {
					t.Errorf("resolved %v, want %v", got, c.want)
				}
				if last := w.changed[len(w.changed)-1]; len(last) > 0 {
					t.Errorf("still running: %v", last)
				}
			})
		})
	}
}

// TestDrainBeforeRun claims nothing.
func TestDrainBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		loop := worker.New(*w.deps)
		loop.Drain(true, time.Time{})
		if end := loop.Run(t.Context()); end != worker.EndDrained || len(w.asked) > 0 {
			t.Errorf("ended as %v after %d claims", end, len(w.asked))
		}
	})
}

func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		w.tasks = []time.Duration{time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Second)
		defer cancel()
		if end := worker.New(*w.deps).Run(ctx); end != worker.EndDrained || len(w.done) != 1 || w.done[0].Resolution == task.Completed {
			t.Errorf("ended as %v with %+v", end, w.done)
		}
	})
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.deps.Idle = 50 * time.Second
		w.tasks = []time.Duration{time.Minute}
		w.expect(t, worker.EndIdle, 110*time.Second, 110*time.Second+longPoll, nil)
		if w.quiet != 1 {
			t.Errorf("quiet %d times", w.quiet)
		}
	})
}

// TestQuietWithoutTasks: a worker that has found nothing to do gives back what its start has taken.
func TestQuietWithoutTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.deps.Idle = 50 * time.Second
		w.expect(t, worker.EndIdle, 50*time.Second, 50*time.Second+longPoll, nil)
		if w.quiet != 1 {
			t.Errorf("quiet %d times", w.quiet)
		}
	})
}

// TestIdleWithManager: worker-manager is asked the moment that the worker has been idle for long
// enough, while it goes on to look for tasks; it ends with the poll that is in flight then.
func TestIdleWithManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, begin := newWorld(1), time.Now()
		w.deps.Idle = 50 * time.Second
		w.deps.Terminate = func(ctx context.Context) bool {
			time.Sleep(5 * time.Second)
			return w.answer(ctx) || time.Since(begin) == 55*time.Second
		}
		w.expect(t, worker.EndIdle, 3*longPoll, 3*longPoll+time.Second, nil)
		if w.asks != 4 {
			t.Errorf("asked %d times", w.asks)
		}
	})
}

// TestIdleMayStay: worker-manager lets the idle worker stay until it says otherwise.
func TestIdleMayStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, begin := newWorld(1), time.Now()
		w.deps.Idle = 50 * time.Second
		w.deps.Terminate = func(ctx context.Context) bool { return w.answer(ctx) || time.Since(begin) > 4*time.Minute }
		end := worker.New(*w.deps).Run(t.Context())
		if took := time.Since(begin); end != worker.EndIdle && end != worker.EndTerminated || took < 4*time.Minute || took > 5*time.Minute {
			t.Errorf("ended as %v after %v", end, took)
		}
		if w.asks > 16 {
			t.Errorf("asked %d times in five minutes", w.asks)
		}
	})
}

func (w *world) answer(context.Context) bool {
	return locked(w, func() bool { w.asks++; return w.terminate })
}

// TestTerminate: the task that runs is finished.
func TestTerminate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.terminate = true
		w.deps.Terminate = func(ctx context.Context) bool {
			time.Sleep(5 * time.Second)
			return w.answer(ctx)
		}
		w.tasks = []time.Duration{time.Minute}
		w.expect(t, worker.EndTerminated, time.Minute, time.Minute+time.Second, nil)
		if w.outcomes()[task.Completed] != 1 {
			t.Errorf("resolved %v", w.outcomes())
		}
	})
}

// TestManagerHangs: a worker that is told to stop does not wait for worker-manager.
func TestManagerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.deps.Terminate = func(ctx context.Context) bool { <-ctx.Done(); return false }
		w.expect(t, worker.EndDrained, time.Second, time.Second, map[time.Duration]func(*worker.Worker){time.Second: (*worker.Worker).Stop})
	})
}

// TestQueueIsDown: claims are repeated after growing waits, of which no two workers have the same.
func TestQueueIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.down = errors.New("down")
		w.expect(t, worker.EndDrained, 10*time.Minute, 10*time.Minute, map[time.Duration]func(*worker.Worker){10 * time.Minute: drain(true)})
		if n := len(w.asked); n < 12 || n > 25 {
			t.Errorf("%d claims in ten minutes", n)
		}
		for i, least := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			if gap := w.askedAt[i+1].Sub(w.askedAt[i]); gap < least || gap > 2*least {
				t.Errorf("wait %d is %v", i, gap)
			}
		}
	})
}

// TestCleaningHoldsNobodyUp: the next task starts while the last one's directory is deleted,
// but the worker ends after.
func TestCleaningHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.cleanFor, w.deps.Tasks = time.Hour, 2
		w.tasks = []time.Duration{time.Minute, time.Minute}
		w.expect(t, worker.EndEnough, time.Hour+2*time.Minute, time.Hour+2*time.Minute+time.Second, nil)
	})
}

func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.panics, w.deps.Tasks, w.tasks = true, 2, []time.Duration{time.Second, time.Second}
		w.expect(t, worker.EndEnough, 0, time.Second, nil)
		for _, o := range w.done {
			if o.Resolution == task.Completed || o.Err == nil {
				t.Errorf("outcome %+v", o)
			}
		}
	})
}
