package crashtest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	kills   = 50
	workers = 4
	seed    = 20261122
)

// TestKillsLoseNothing kills the server at random points of a random load. After every restart
// it checks what has changed since the former one, and in the end everything.
func TestKillsLoseNothing(t *testing.T) {
	program, dir := build(t), filepath.Join(t.TempDir(), "data")
	random := rand.New(rand.NewPCG(seed, 0))
	var crew []*worker
	for i := range workers {
		crew = append(crew, &worker{name: fmt.Sprint(i), rand: rand.New(rand.NewPCG(seed, uint64(i+1)))})
	}
	s := start(t, program, dir)
	acknowledged := 0
	for round := range kills {
		acknowledged += load(t, s, crew, 1+random.IntN(40), time.Duration(random.IntN(5000))*time.Microsecond)
		s = start(t, program, dir)
		for _, w := range crew {
			check(t, s, w, func(f *fact) bool { return f.changed })
		}
		if t.Failed() {
			t.Fatalf("after kill %d of %d", round+1, kills)
		}
	}
	facts := 0
	for _, w := range crew {
		check(t, s, w, func(*fact) bool { return true })
		facts += len(w.facts)
	}
	t.Logf("%d kills, %d acknowledged changes, %d facts checked", kills, acknowledged, facts)
}

// load lets the crew work, and kills the server some time after so many changes.
func load(t *testing.T, s *server, crew []*worker, changes int, after time.Duration) int {
	t.Helper()
	var acknowledged atomic.Int64
	enough := make(chan struct{})
	errs := make([]error, len(crew))
	var wg sync.WaitGroup
	for i, w := range crew {
		w.acked = func() {
			if acknowledged.Add(1) == int64(changes) {
				close(enough)
			}
		}
		wg.Go(func() { errs[i] = w.run(s) })
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-enough:
		time.Sleep(after) // so that calls are cut at any point
	case <-done: // all have failed
	case <-time.After(time.Minute):
		t.Error("no progress for a minute")
	}
	s.kill()
	<-done
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("%v\n%s", err, s.logged())
	}
	return int(acknowledged.Load())
}

// check compares a worker's facts with what the server has.
func check(t *testing.T, s *server, w *worker, wanted func(*fact) bool) {
	t.Helper()
	for _, f := range w.facts {
		if !wanted(f) {
			continue
		}
		if err := f.check(s); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckSeesLoss(t *testing.T) {
	for _, c := range []struct {
		known string
		maybe []string
		got   string
		lost  bool
	}{
		{"a", nil, "a", false},
		{"a", []string{"b"}, "b", false},
		{"a", []string{"b"}, "a", false},
		{"a", nil, absent, true},
		{"a", []string{"b"}, "c", true},
		{absent, nil, "a", true},
	} {
		f := fact{name: "fact", known: c.known, maybe: c.maybe, read: func(*server) (string, error) { return c.got, nil }}
		if err := f.check(nil); (err != nil) != c.lost {
			t.Errorf("%+v: %v", c, err)
		}
		if !c.lost && (f.known != c.got || f.maybe != nil) {
			t.Errorf("%+v: then %q, %q", c, f.known, f.maybe)
		}
	}
}
