package taskrun

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/worker/task"
)

// phase is where a run stands; the package's doc draws them. A run never goes back.
type phase int

const (
	claimed   phase = iota // nothing has happened yet
	preparing              // until the engine has started the commands
	running                // until the commands have ended, by themselves or killed
	uploading              // artifacts, then the log
	reporting              // the queue is being told; no event changes anything any more
	resolved               // it has been told, or somebody else has ended the run
	cleaning               // what the run held is freed, beside the next run
	gone
)

// String names the phase in messages.
func (p phase) String() string {
	return [...]string{"claimed", "preparing", "running", "uploading", "reporting", "resolved", "cleaning", "gone"}[p]
}

// obeyTime is how long what is stuck may take to obey its context's end, and the engine to free
// what the run held.
const obeyTime = time.Minute + freeTime

// state is where a run stands, and for what it waits there.
type state struct {
	mu    sync.Mutex
	phase phase
	step  *step          // nil while the run may take its time
	calls map[string]int // of the engine and of plugins, that have not returned
}

// step is a part of a phase that must not take for ever.
type step struct {
	timer *time.Timer
	end   context.CancelCauseFunc
}

// enter takes the run to its next phase, and ends the step before. With a non-nil end the phase
// is watched: end is called with what the run waited for when it has taken too long. It is the
// only place where the phase changes.
func (r *Runner) enter(next phase, end context.CancelCauseFunc) {
	s := &r.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if next < s.phase {
		return // a hook that was given up has returned at last
	}
	s.phase = next
	if s.step != nil {
		s.step.timer.Stop()
		s.step = nil
	}
	if end == nil || r.deps.StuckAfter <= 0 {
		return
	}
	watched := &step{end: end}
	watched.timer = time.AfterFunc(r.deps.StuckAfter, func() { r.stuck(watched) })
	s.step = watched
}

// at is the phase.
func (r *Runner) at() phase {
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	return r.state.phase
}

// stuck ends a step that has taken too long. What does not obey is no longer waited for.
func (r *Runner) stuck(watched *step) {
	s := &r.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.step != watched {
		return // it ended in this moment
	}
	err := task.Internal("%s took longer than %v: %s", s.phase, r.deps.StuckAfter, strings.Join(slices.Sorted(maps.Keys(s.calls)), ", "))
	r.logger.Error("a task is stuck", "error", err)
	r.first.set(err)
	watched.end(err)
	watched.timer = time.AfterFunc(obeyTime, func() { r.abandon(watched) })
}

// abandon lets Run go on without what is stuck. Nobody but the worker's end waits for Clean.
func (r *Runner) abandon(watched *step) {
	s := &r.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.step != watched {
		return
	}
	r.logger.Error("what is stuck does not obey; it is no longer waited for", "phase", s.phase.String(), "in", slices.Sorted(maps.Keys(s.calls)))
	s.step = nil
	if s.phase < reporting {
		close(r.abandoned) // then the run is reported, and this is never reached again
	}
}

// calling notes a call of the engine or a plugin until the returned function is called.
func (s *state) calling(name string) (returned func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[name]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.calls[name]--; s.calls[name] == 0 {
			delete(s.calls, name)
		}
	}
}
