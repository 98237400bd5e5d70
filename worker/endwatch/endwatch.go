// Package endwatch notices when the queue has ended runs that still go on here: their task was
// cancelled, its deadline passed, or the claim expired. One call asks for all runs of the worker.
//
// The queue tells nobody of a cancellation; without this package a worker learns of it when it
// prolongs the claim, up to 17 minutes later.
package endwatch

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

// Config says whom to ask, and how often.
type Config struct {
	// Every is the longest time between two questions while there are runs.
	Every time.Duration
	// Ask is one attempt to learn where tasks stand.
	Ask func(ctx context.Context, taskIDs []string) (map[string]tc.TaskStatus, error)
	// Random gives numbers from 0 to 1, by which workers that began together ask at different times.
	Random func() float64
	Logger *slog.Logger
}

const (
	// jitter is the part of the interval that chance may take away.
	jitter = 0.2
	// slowest is how many intervals lie between questions at most, while the queue cannot answer.
	slowest = 16
	// timeout bounds a question.
	timeout = 30 * time.Second
	// mostTasks is how many tasks one question may have: what fits into one page of the reply.
	mostTasks = 1000
)

// Watch is the runs of a worker. Its methods may be called concurrently.
type Watch struct {
	config Config
	added  chan struct{} // has room for one: there is a run again

	mu   sync.Mutex
	runs map[run]func(reason string)
}

type run struct {
	task string
	id   int64
}

// New makes a watch. Nothing is asked before Run.
func New(c Config) *Watch {
	return &Watch{config: c, added: make(chan struct{}, 1), runs: map[run]func(string){}}
}

// Add watches a run until remove is called. When the queue has ended it, ended is called once with
// the queue's reason, such as "canceled", from the goroutine of Run; it must not block.
func (w *Watch) Add(taskID string, runID int64, ended func(reason string)) (remove func()) {
	r := run{taskID, runID}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs[r] = ended
	select {
	case w.added <- struct{}{}:
	default:
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.runs, r)
	}
}

// Run asks until ctx ends. It returns at once when the interval is zero, and when the queue will
// never answer.
func (w *Watch) Run(ctx context.Context) {
	if w.config.Every <= 0 {
		return
	}
	failures := 0
	for {
		if !w.someRun(ctx) || !sleep(ctx, w.pause(failures)) {
			return
		}
		err := w.ask(ctx)
		switch status := tc.Status(err); {
		case err == nil:
			failures = 0
		case ctx.Err() != nil:
			return
		case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
			w.config.Logger.Warn("the queue does not say where tasks stand: a task that is cancelled ends when its claim is prolonged", "error", err)
			return
		default:
			failures++
			w.config.Logger.Debug("the queue was not reached to ask whether tasks were cancelled", "error", err)
		}
	}
}

// someRun waits until there is a run; false when ctx has ended.
func (w *Watch) someRun(ctx context.Context) bool {
	for {
		if len(w.tasks()) > 0 {
			return ctx.Err() == nil
		}
		select {
		case <-w.added:
		case <-ctx.Done():
			return false
		}
	}
}

// pause is how long to wait before the next question, after some in a row that failed.
func (w *Watch) pause(failures int) time.Duration {
	every := float64(w.config.Every) * (1 - jitter*w.config.Random())
	return time.Duration(every * min(slowest, math.Pow(2, float64(failures))))
}

// tasks lists the tasks of the runs.
func (w *Watch) tasks() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := map[string]bool{}
	for r := range w.runs {
		ids[r.task] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// ask makes one round, and tells of each run that has ended.
func (w *Watch) ask(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, timeout)
	defer done()
	for ids := range slices.Chunk(w.tasks(), mostTasks) {
		statuses, err := w.config.Ask(ctx, ids)
		if err != nil {
			return err
		}
		for id, status := range statuses {
			for _, r := range status.Runs {
				if r.Resolved() {
					w.ended(run{id, r.ID}, r.Reason)
				}
			}
		}
	}
	return nil
}

func (w *Watch) ended(r run, reason string) {
	w.mu.Lock()
	ended := w.runs[r]
	delete(w.runs, r)
	w.mu.Unlock()
	if ended != nil {
		ended(reason)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
