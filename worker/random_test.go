package worker_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/worker"
)

// horizon is when every schedule is stopped.
const horizon = 3 * time.Hour

// seconds draws a duration with odd milliseconds, so that few things happen at the same time.
func seconds(t *rapid.T, most int, name string) time.Duration {
	return time.Duration(rapid.IntRange(0, 1000*most).Draw(t, name))*time.Millisecond + 137*time.Microsecond
}

func sometimes[V any](t *rapid.T, name string, draw func() V) (v V) {
	if rapid.Bool().Draw(t, name+"?") {
		v = draw()
	}
	return v
}

func drawSchedule(t *rapid.T, calm bool) schedule {
	s := schedule{
		calm: calm, capacity: rapid.OneOf(rapid.IntRange(1, 4), rapid.Just(255)).Draw(t, "capacity"),
		tasks: math.MaxInt, terminates: rapid.IntRange(-1, 0).Draw(t, "manager"),
		manager: []time.Duration{seconds(t, 40, "answers after")},
		sweeps:  seconds(t, 60, "sweeps"),
	}
	for range rapid.IntRange(0, 12).Draw(t, "jobs") {
		s.jobs = append(s.jobs, job{
			at: seconds(t, 600, "at"), takes: seconds(t, 300, "takes"), cleans: seconds(t, 60, "cleans"),
			stubborn: sometimes(t, "stubborn", func() time.Duration { return seconds(t, 10, "stubborn") }),
			fate:     sometimes(t, "fate", func() fate { return fate(rapid.IntRange(0, int(explodes)).Draw(t, "fate")) }),
		})
	}
	slices.SortFunc(s.jobs, func(a, b job) int { return int(a.at - b.at) })
	for range rapid.IntRange(0, 3).Draw(t, "wishes") {
		w := wish{at: seconds(t, 900, "wish"), kind: rapid.IntRange(0, 2).Draw(t, "kind")}
		w.deadline = sometimes(t, "deadline", func() time.Duration { return w.at + seconds(t, 300, "deadline") })
		s.wishes = append(s.wishes, w)
	}
	if calm {
		return s
	}
	s.tasks = rapid.OneOf(rapid.Just(math.MaxInt), rapid.IntRange(0, 12)).Draw(t, "tasks")
	s.idle = sometimes(t, "idle", func() time.Duration { return time.Second + seconds(t, 300, "idle") })
	s.faults, s.leaves = rapid.IntRange(0, 3).Draw(t, "faults"), rapid.Bool().Draw(t, "leaves")
	if s.terminates == 0 {
		s.terminates = rapid.IntRange(0, 20).Draw(t, "terminates")
	}
	for range rapid.IntRange(0, 20).Draw(t, "replies") {
		s.replies = append(s.replies, reply(rapid.IntRange(0, int(hangs)).Draw(t, "reply")))
	}
	s.room = rapid.SliceOfN(rapid.IntRange(0, 3), 0, 6).Draw(t, "room")
	return s
}

// play runs a schedule to its end and returns what should not have happened.
func play(t *testing.T, s schedule) (problems []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newModel(s)
		w := worker.New(*m.deps)
		var timers []*time.Timer
		for _, wish := range append(slices.Clone(s.wishes), wish{at: horizon, kind: 2}) {
			timers = append(timers, time.AfterFunc(wish.at, func() { m.wish(w, wish) }))
		}
		end := w.Run(t.Context())
		for _, timer := range timers {
			timer.Stop()
		}
		m.over(end)
		problems = m.problems
	})
	return problems
}

// wish asks the worker to end.
func (m *model) wish(w *worker.Worker, wish wish) {
	m.mu.Lock()
	m.end()
	if wish.kind == 2 {
		m.stopped = time.Now()
	}
	m.mu.Unlock()
	var deadline time.Time
	if wish.deadline > 0 {
		deadline = m.begin.Add(wish.deadline)
	}
	if wish.kind == 2 {
		w.Stop()
	} else {
		w.Drain(wish.kind == 0, deadline)
	}
}

// TestSchedules plays random schedules and checks what the package promises.
func TestSchedules(t *testing.T) {
	for name, calm := range map[string]bool{"calm": true, "trouble": false} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				s := drawSchedule(rt, calm)
				if problems := play(t, s); len(problems) > 0 {
					rt.Fatalf("%s\n%s", fmt.Sprintf("%+v", s), strings.Join(problems, "\n"))
				}
			})
		})
	}
}
