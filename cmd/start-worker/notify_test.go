package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/runner/control"
)

// told is a service manager, and a runner that says of itself what the test wants.
type told struct {
	control.Runner

	mu     sync.Mutex
	all    []string
	status control.Status
	hangs  chan struct{} // until it is closed
	tasks  bool
}

func (o *told) Status() control.Status {
	o.mu.Lock()
	status, hangs := o.status, o.hangs
	o.mu.Unlock()
	if hangs != nil {
		<-hangs
	}
	return status
}

func (o *told) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

// took returns the messages since the last time.
func (o *told) took() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.all
	o.all = nil
	return all
}

func (o *told) serve(t *testing.T, watchdog time.Duration) {
	t.Helper()
	tell := &teller{
		send:     func(lines string) error { o.set(func() { o.all = append(o.all, lines) }); return nil },
		busy:     func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.tasks },
		log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
		watchdog: watchdog,
	}
	ctx, stop := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() { tell.serve(ctx, o) })
	t.Cleanup(func() { stop(); served.Wait() })
	synctest.Wait()
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestReadyIsSaidOnceAndStatusWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &told{status: control.Status{State: control.Registering}}
		o.serve(t, 0)
		after(time.Minute)
		if got, want := o.took(), []string{"READY=1\nSTATUS=registering"}; !slices.Equal(got, want) {
			t.Errorf("said %q, want %q", got, want)
		}
		o.set(func() {
			o.status = control.Status{State: control.Working, WorkerGroup: "g", WorkerID: "w", WorkerPoolID: "p/q", LastError: "one\nline"}
		})
		after(time.Minute)
		if got, want := o.took(), []string{"STATUS=working as g/w of p/q; last error: one line"}; !slices.Equal(got, want) {
			t.Errorf("said %q, want %q", got, want)
		}
	})
}

func TestAConfigThatCannotBeReadIsNoStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &told{status: control.Status{State: control.Identifying, LastError: "no such file"}}
		o.serve(t, 0)
		if got := strings.Join(o.took(), "\n"); strings.Contains(got, "READY") {
			t.Errorf("said %q", got)
		}
		o.set(func() { o.status.State = control.Holding })
		after(tellEvery)
		if got := strings.Join(o.took(), "\n"); !strings.Contains(got, "READY") {
			t.Errorf("said %q of a machine that is held", got)
		}
	})
}

func TestAReleaseMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &told{status: control.Status{State: control.Releasing}}
		o.serve(t, 0)
		after(10 * tellEvery)
		if got := o.took(); len(got) != 11 || !strings.Contains(got[10], "EXTEND_TIMEOUT_USEC=60000000") {
			t.Errorf("said %q", got)
		}
	})
}

func TestTheWatchdogIsOffWhileTasksRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &told{status: control.Status{State: control.Working}}
		o.serve(t, 3*time.Second)
		after(time.Minute)
		if got := o.took(); len(got) != 61 || got[60] != "WATCHDOG=1" {
			t.Errorf("%d messages in a minute: %q", len(got), got)
		}
		o.set(func() { o.tasks = true })
		after(time.Minute)
		if got, want := o.took(), []string{"WATCHDOG_USEC=0"}; !slices.Equal(got, want) {
			t.Errorf("with a task it said %q, want %q", got, want)
		}
		o.set(func() { o.tasks = false })
		after(time.Second)
		if got, want := o.took(), []string{"WATCHDOG_USEC=3000000\nWATCHDOG=1\nWATCHDOG=1"}; !slices.Equal(got, want) {
			t.Errorf("after the task it said %q, want %q", got, want)
		}
	})
}

func TestARunnerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &told{status: control.Status{State: control.Working}}
		o.serve(t, 3*time.Second)
		hangs := make(chan struct{})
		o.set(func() { o.hangs, o.tasks = hangs, true })
		after(10 * time.Second)
		if got, want := o.took()[1:], []string{"WATCHDOG_USEC=0\nSTATUS=does not answer; left alone while tasks run"}; !slices.Equal(got, want) {
			t.Errorf("with a task it said %q, want %q", got, want)
		}
		o.set(func() { o.tasks = false })
		after(time.Minute)
		if got, want := o.took(), []string{"WATCHDOG_USEC=3000000\nWATCHDOG=1\nSTATUS=does not answer"}; !slices.Equal(got, want) {
			t.Errorf("without a task it said %q, want %q and no sign of life after that", got, want)
		}
		o.set(func() { o.hangs = nil })
		close(hangs)
		after(time.Second)
		if got := strings.Join(o.took(), "\n"); !strings.Contains(got, "STATUS=working") || !strings.Contains(got, "WATCHDOG=1") {
			t.Errorf("when it answers again it said %q", got)
		}
	})
}
