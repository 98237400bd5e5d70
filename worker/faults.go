package worker

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// Faults says what a worker does when its machine seems to be broken: one that fails every task at
// once would take them all from the workers that could run them.
type Faults struct {
	// Most is after how many runs in a row that fail through the machine's fault no more tasks are
	// claimed; 0 is never.
	Most int
	// Leave ends the worker then, when its tasks have ended. Otherwise it tries one task after a
	// minute, then after 2, 4 and so on up to 60 minutes, each shortened by up to a quarter by chance;
	// a run without a fault ends that.
	Leave bool
	// Report is told when there were too many, and of the wait that follows, 0 when the worker
	// leaves. It runs beside the loop.
	Report func(runs int, err error, wait time.Duration)
}

const (
	firstWait   = time.Minute
	longestWait = time.Hour
)

// streak counts the faults in a row.
type streak struct {
	Faults
	runs  int
	waits int
	till  time.Time // no poll before this
}

// tooMany tells whether the machine seems to be broken.
func (s *streak) tooMany() bool { return s.Most > 0 && s.runs >= s.Most }

// wait is how long to claim no task, longer each time.
func (s *streak) wait() time.Duration {
	const doublings = 6 // from the first wait to more than the longest
	wait := min(firstWait<<min(s.waits, doublings), longestWait)
	s.waits++
	return wait - time.Duration(rand.Int64N(int64(wait/4))) //nolint:gosec // nobody gains by guessing it
}

// faulty tells whether a run ended through the machine's fault.
func faulty(o taskrun.Outcome) bool {
	if errors.Is(o.Err, taskrun.ErrLost) {
		return false
	}
	switch task.Resolve(o.Err) {
	case task.InternalError:
		return true
	case task.ResourceUnavailable: // what cannot even begin may lack the network
		return !o.Started
	default:
		return false
	}
}

// spared tells whether a run says nothing about the machine: it was lost or handed back before it
// could fail.
func spared(o taskrun.Outcome) bool {
	return !o.Started && (errors.Is(o.Err, taskrun.ErrLost) || task.Resolve(o.Err) == task.WorkerShutdown)
}

// judge draws the conclusions from how a run ended.
func (w *Worker) judge(o taskrun.Outcome) {
	s, now := &w.faults, time.Now()
	switch {
	case w.draining || spared(o):
		return
	case !faulty(o):
		s.runs, s.waits, s.till = 0, 0, time.Time{}
		return
	}
	s.runs++
	if !s.tooMany() || now.Before(s.till) { // what ran beside the last one adds nothing
		return
	}
	var wait time.Duration
	if s.Leave {
		w.drain(EndFaulty)
	} else {
		wait = s.wait()
		s.till = now.Add(wait)
	}
	w.deps.Logger.Error("runs fail through this machine's fault; no task is claimed", "runs", s.runs, "wait", wait, "error", o.Err)
	runs := s.runs
	w.owned.Go(func() { s.Report(runs, o.Err, wait) })
}
