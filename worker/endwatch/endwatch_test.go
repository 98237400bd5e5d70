package endwatch_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/endwatch"
)

// queue answers questions, and remembers when they came.
type queue struct {
	began time.Time

	mu    sync.Mutex
	tasks map[string]tc.TaskStatus
	err   error
	asked []time.Duration
	ids   [][]string
}

func (q *queue) ask(_ context.Context, ids []string) (map[string]tc.TaskStatus, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked, q.ids = append(q.asked, time.Since(q.began)), append(q.ids, ids)
	if q.err != nil {
		return nil, q.err
	}
	all := map[string]tc.TaskStatus{}
	for _, id := range ids {
		all[id] = q.tasks[id]
	}
	return all, nil
}

// times are when questions came, and whom they were for.
func (q *queue) times() []time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.asked)
}

func (q *queue) about() [][]string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.ids)
}

func (q *queue) set(id string, runs ...tc.RunStatus) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks[id] = tc.TaskStatus{Runs: runs}
}

func (q *queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
}

const every = time.Minute

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// watch runs a watch in virtual time.
func watch(t *testing.T, random float64, test func(q *queue, w *endwatch.Watch, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{began: time.Now(), tasks: map[string]tc.TaskStatus{}}
		var log bytes.Buffer
		w := endwatch.New(endwatch.Config{Every: every, Ask: q.ask, Random: func() float64 { return random }, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.Run(ctx) })
		test(q, w, &log)
		stop()
		wg.Wait()
	})
}

func TestACancelledRunIsTold(t *testing.T) {
	watch(t, 0, func(q *queue, w *endwatch.Watch, _ *bytes.Buffer) {
		var ended []string
		tell := func(name string) func(string) { return func(reason string) { ended = append(ended, name+" "+reason) } }
		q.set("a", tc.RunStatus{ID: 0, State: "exception", Reason: "worker-shutdown"}, tc.RunStatus{ID: 1, State: "running"})
		q.set("b", tc.RunStatus{ID: 0, State: "running"})
		w.Add("a", 1, tell("a/1"))
		remove := w.Add("b", 0, tell("b/0"))
		pass(every + time.Second)
		if len(ended) > 0 {
			t.Errorf("runs that go on were told to end: %q", ended)
		}
		q.set("a", tc.RunStatus{ID: 0, State: "exception"}, tc.RunStatus{ID: 1, State: "exception", Reason: "canceled"})
		pass(every)
		pass(every)
		if !slices.Equal(ended, []string{"a/1 canceled"}) {
			t.Errorf("told: %q", ended)
		}
		if ids := q.about(); !slices.Equal(ids[0], []string{"a", "b"}) || !slices.Equal(ids[len(ids)-1], []string{"b"}) {
			t.Errorf("asked for %q", ids)
		}
		remove()
		q.set("b", tc.RunStatus{ID: 0, State: "exception", Reason: "canceled"})
		asked := len(q.times())
		pass(10 * every)
		if len(ended) != 1 || len(q.times()) > asked+1 {
			t.Errorf("after the last run: told %q, asked %d times", ended, len(q.times())-asked)
		}
	})
}

// TestNothingRuns: an idle worker asks nothing, and the first run is looked at in time.
func TestNothingRuns(t *testing.T) {
	watch(t, 0, func(q *queue, w *endwatch.Watch, _ *bytes.Buffer) {
		pass(time.Hour)
		if len(q.times()) > 0 {
			t.Errorf("asked at %v", q.times())
		}
		remove := w.Add("a", 0, func(string) {})
		remove()
		pass(30 * time.Minute)
		w.Add("a", 0, func(string) {})
		pass(every)
		if asked := q.times(); asked[len(asked)-1] > 90*time.Minute+every {
			t.Errorf("asked at %v", q.times())
		}
	})
}

func TestJitterOnlyShortens(t *testing.T) {
	for _, random := range []float64{0, 0.5, 1} {
		watch(t, random, func(q *queue, w *endwatch.Watch, _ *bytes.Buffer) {
			w.Add("a", 0, func(string) {})
			pass(10 * every)
			for i, at := range q.times() {
				if most := time.Duration(i+1) * every; at > most || at < most*7/10 {
					t.Errorf("with %v: question %d came after %v", random, i, at)
				}
			}
			if len(q.times()) < 9 {
				t.Errorf("with %v: %d questions", random, len(q.times()))
			}
		})
	}
}

// TestATroubledQueue is left in peace, and asked as usual once it is well again.
func TestATroubledQueue(t *testing.T) {
	for name, err := range map[string]error{
		"no connection": errors.New("connection refused"),
		"429":           &tc.Error{Op: "queue.statuses", Status: 429},
		"503":           &tc.Error{Op: "queue.statuses", Status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			watch(t, 0, func(q *queue, w *endwatch.Watch, _ *bytes.Buffer) {
				q.fail(err)
				w.Add("a", 0, func(string) {})
				pass(2 * time.Hour)
				if n := len(q.times()); n < 5 || n > 12 {
					t.Errorf("%d questions in two hours", n)
				}
				q.fail(nil)
				pass(16 * every)
				before := len(q.times())
				pass(10 * every)
				if n := len(q.times()) - before; n != 10 {
					t.Errorf("%d questions in ten intervals when the queue was well again", n)
				}
			})
		})
	}
}

// TestAQueueThatNeverAnswers is asked once.
func TestAQueueThatNeverAnswers(t *testing.T) {
	for _, status := range []int{401, 403, 404, 405} {
		watch(t, 0, func(q *queue, w *endwatch.Watch, log *bytes.Buffer) {
			q.fail(&tc.Error{Op: "queue.statuses", Status: status})
			w.Add("a", 0, func(string) {})
			pass(time.Hour)
			if len(q.times()) != 1 || strings.Count(log.String(), "does not say where tasks stand") != 1 {
				t.Errorf("%d: asked at %v, log %q", status, q.times(), log)
			}
		})
	}
}
