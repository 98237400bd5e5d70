package worker_test

import (
	"log/slog"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/worker"
)

// trial runs jobs one after another, each there when it is asked for, and returns the model and how
// the worker ended.
func trial(t *testing.T, s schedule, fates ...fate) (m *model, end worker.End) {
	t.Helper()
	for range len(fates) {
		s.jobs = append(s.jobs, job{takes: time.Second, fate: fates[len(s.jobs)]})
	}
	m = newModel(s)
	m.deps.Logger = slog.New(slog.DiscardHandler)
	var loop *worker.Worker
	report := m.deps.Faults.Report
	m.deps.Faults.Report = func(runs int, err error, wait time.Duration) {
		report(runs, err, wait)
		m.mu.Lock()
		m.waits = append(m.waits, wait)
		m.mu.Unlock()
	}
	loop = worker.New(*m.deps)
	timer := time.AfterFunc(24*time.Hour, loop.Stop)
	defer timer.Stop()
	end = loop.Run(t.Context())
	return m, end
}

// TestFaults: what counts as the machine's fault, and how many in a row are too many.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		most  int
		fates []fate
		runs  int
	}{
		"three in a row":          {3, []fate{breaks, breaks, breaks, completes}, 3},
		"a good one between":      {3, []fate{breaks, breaks, completes, breaks, breaks, completes}, 6},
		"a lost one says nothing": {3, []fate{breaks, breaks, vanishes, breaks, completes}, 4},
		"one that ran says much":  {3, []fate{breaks, breaks, isLost, breaks, completes}, 5},
		"no network":              {2, []fate{starves, starves, completes}, 2},
		"a panic":                 {2, []fate{explodes, explodes, completes}, 2},
		"one is enough":           {1, []fate{breaks, completes}, 1},
		"never":                   {0, []fate{breaks, breaks, breaks, breaks, completes}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, end := trial(t, schedule{capacity: 1, tasks: len(c.fates), faults: c.most, leaves: true, terminates: -1}, c.fates...)
				want := worker.EndEnough
				if c.runs < len(c.fates) {
					want = worker.EndFaulty
				}
				if end != want || m.given != c.runs {
					t.Errorf("ended as %v after %d runs, want %v after %d", end, m.given, want, c.runs)
				}
			})
		})
	}
}

// TestFaultyStays: a worker that nobody replaces tries one task after growing waits, and is as
// before after a good one.
func TestFaultyStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fates := slices.Repeat([]fate{breaks}, 12)
		fates = append(fates, completes, breaks, breaks, completes, breaks, breaks, breaks, completes)
		begin := time.Now()
		m, end := trial(t, schedule{capacity: 1, tasks: len(fates), faults: 3, terminates: -1}, fates...)
		if end != worker.EndEnough {
			t.Errorf("ended as %v", end)
		}
		var total time.Duration
		want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 1}
		for i, wait := range m.waits {
			total += wait
			if most := want[i] * time.Minute; wait > most || wait < most*3/4 {
				t.Errorf("wait %d is %v", i, wait)
			}
		}
		if took := time.Since(begin); len(m.waits) != len(want) || took < total || took > total+time.Minute {
			t.Errorf("waited for %v, which took %v", m.waits, took)
		}
	})
}

// TestFaultyOneByOne: after too many faults tasks are tried one at a time, when those that ran
// beside have ended; their faults make the wait no longer.
func TestFaultyOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := schedule{capacity: 8, tasks: math.MaxInt, faults: 3, terminates: -1}
		m, end := trial(t, s, slices.Repeat([]fate{breaks}, 30)...)
		if end != worker.EndDrained {
			t.Errorf("ended as %v", end)
		}
		if m.singles == 0 || m.waits[0] > time.Minute || m.waits[1] > 2*time.Minute || m.waits[1] < time.Minute {
			t.Errorf("%d polls for one task, waits %v", m.singles, m.waits)
		}
		for _, r := range m.runs {
			if r.madeAt.Sub(m.begin) < 10*time.Second {
				continue // claimed before the third had ended
			}
			for _, other := range m.runs {
				if r != other && r.madeAt.Before(other.endedAt) && other.madeAt.Before(r.endedAt) {
					t.Errorf("two were tried at once: %v and %v", r.madeAt, other.madeAt)
				}
			}
		}
	})
}
