package runner

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/policy"
)

// again is what a signal for what is installed now orders.
func again() order { return order{finish: true, again: true} }

// working starts the desk's work, and returns when a worker has said hello.
func (d *desk) working(t *testing.T) <-chan ending {
	t.Helper()
	d.script(t, "say:up await:graceful-termination exit:72")
	ended := make(chan ending, 1)
	var all sync.WaitGroup
	all.Go(func() { ended <- d.work(t.Context(), nothing{}, d.machine) })
	t.Cleanup(all.Wait)
	d.another(0)
	return ended
}

// another waits for a worker that works and has another process id.
func (d *desk) another(than int) (pid int) {
	for {
		s := d.board.status()
		if s.State == control.Working && s.WorkerPID != 0 && s.WorkerPID != than {
			return s.WorkerPID
		}
		time.Sleep(time.Millisecond)
	}
}

// TestAnotherWorkerFollows: without a supervisor, or without the means to register again, only the
// worker is renewed; the machine is not released meanwhile.
func TestAnotherWorkerFollows(t *testing.T) {
	for name, change := range map[string]func(*desk){
		"nobody starts this program again": func(d *desk) { d.deps.Supervised = false; d.config.StateFile = "state" },
		"it could not register again":      func(d *desk) { d.deps.Supervised = true },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, true)
			change(d)
			ended := d.working(t)
			mustDrain(t, d.tell, again())
			d.another(d.board.status().WorkerPID)
			if n := d.board.status().Restarts; n != 0 {
				t.Errorf("it counts as %d restarts after a crash", n)
			}
			if err := (front{d.runner}).Drain(t.Context(), true); err != nil {
				t.Error(err)
			}
			if e := <-ended; e.row != policy.Finished || !e.leaves || e.again {
				t.Errorf("%+v\n%s", e, d.logged())
			}
		})
	}
}

// TestThisProgramIsReplaced: it ends with a code of its own, and the machine stays as it is.
func TestThisProgramIsReplaced(t *testing.T) {
	for name, change := range map[string]func(*desk){
		"an ephemeral machine with its state": func(d *desk) { d.config.StateFile = "state" },
		"a machine of somebody's own":         func(d *desk) { d.config.Place.Kind.Ephemeral = false },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, true)
			change(d)
			d.deps.Supervised = true
			ended := d.working(t)
			mustDrain(t, d.tell, again())
			e := <-ended
			if err := d.settle(t.Context(), d.machine, e); !e.again || ExitCode(err) != ExitAgain || d.acts() != "" {
				t.Errorf("%+v, %v, did %q\n%s", e, err, d.acts(), d.logged())
			}
		})
	}
}

// TestAnEndComesBeforeARenewal: what is ordered to end does not go on.
func TestAnEndComesBeforeARenewal(t *testing.T) {
	d := newDesk(t, true)
	d.deps.Supervised, d.config.StateFile = true, "state"
	ended := d.working(t)
	if err := (front{d.runner}).Drain(t.Context(), true); err != nil {
		t.Error(err)
	}
	mustDrain(t, d.tell, again())
	if e := <-ended; e.again || !e.leaves {
		t.Errorf("%+v\n%s", e, d.logged())
	}
}

// TestAWorkerThatCannotBeAskedIsNotRenewed: to stop it would be to stop its tasks.
func TestAWorkerThatCannotBeAskedIsNotRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tell, q := telling(t)
		q.hello(t, `"new-credentials"`)
		if heard := mustDrain(t, tell, again()); !closed(heard) {
			synctest.Wait()
		}
		if closed(q.done) || strings.Contains(q.heard.String(), "graceful-termination") {
			t.Errorf("the worker heard %s, and was stopped: %v", q.heard.String(), closed(q.done))
		}
		q.Stop(0)
	})
}
