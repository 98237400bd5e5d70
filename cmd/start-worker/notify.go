package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/runner/control"
)

const (
	// tellEvery is how often the service manager hears how things are, or more often for the watchdog.
	tellEvery = 5 * time.Second
	// releaseWithin is how much longer than this a release may always take; each message asks anew.
	releaseWithin = time.Minute
)

// manager is the service manager that has started this program and wants to be told how it is.
type manager struct {
	// send sends lines of sd_notify(3).
	send func(lines string) error
	// watchdog is how long it may go without a sign of life; 0 is for ever.
	watchdog time.Duration
}

// teller tells the service manager how the runner is.
//
// It is ready once it answers and its signals are heard, though it may still wait for its cloud
// then: a slow cloud holds no boot up and times nothing out, and from there on it can be reloaded
// and stopped in order. Only a config that cannot be read makes the start fail.
//
// The watchdog would take a task down with a runner that hangs. While tasks run it is therefore
// off, and a runner that does not answer is only reported.
type teller struct {
	send     func(string) error
	busy     func() bool // tasks run
	log      *slog.Logger
	watchdog time.Duration

	ready  bool
	status string
	guards bool // the watchdog is on
	silent bool // the runner did not answer the last time
}

// serve tells until ctx ends. It is called once.
func (t *teller) serve(ctx context.Context, r control.Runner) {
	t.guards = t.watchdog > 0
	every := tellEvery
	if t.guards {
		every = min(every, t.watchdog/3)
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	answers := make(chan control.Status, 1)
	asked := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case s := <-answers:
			asked = false
			t.tell(t.heard(s))
		case <-timer.C:
			timer.Reset(every)
			if asked {
				t.tell(t.unheard())
				continue
			}
			asked = true
			asking.Go(func() { answers <- r.Status() })
		case <-ctx.Done():
			return
		}
	}
}

// heard is what to say of a runner that answers.
func (t *teller) heard(s control.Status) []string {
	if t.silent {
		t.silent = false
		t.log.Info("this program answers again")
	}
	lines := t.guard()
	if t.guards {
		lines = append(lines, "WATCHDOG=1")
	}
	failing := s.State == control.Identifying && s.LastError != ""
	if !t.ready && !failing {
		t.ready = true
		lines = append(lines, "READY=1")
	}
	if s.State == control.Releasing {
		lines = append(lines, "STOPPING=1", fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", releaseWithin.Microseconds()))
	}
	return append(lines, t.says(sentence(s))...)
}

// unheard is what to say of a runner that does not answer. Without a sign of life the watchdog
// bites, when it is on.
func (t *teller) unheard() []string {
	lines := t.guard()
	if !t.silent {
		t.silent = true
		t.log.Error("this program does not answer", "tasksRun", !t.guards)
	}
	if t.guards {
		return append(lines, t.says("does not answer")...)
	}
	return append(lines, t.says("does not answer; left alone while tasks run")...)
}

// guard switches the watchdog off while tasks run.
func (t *teller) guard() []string {
	guards := t.watchdog > 0 && !t.busy()
	if guards == t.guards {
		return nil
	}
	t.guards = guards
	if !guards {
		return []string{"WATCHDOG_USEC=0"}
	}
	return []string{fmt.Sprintf("WATCHDOG_USEC=%d", t.watchdog.Microseconds()), "WATCHDOG=1"}
}

// says is the line with a status that is new.
func (t *teller) says(status string) []string {
	if status == t.status {
		return nil
	}
	t.status = status
	return []string{"STATUS=" + oneLine(status)}
}

// sentence is a status in a line.
func sentence(s control.Status) string {
	text := string(s.State)
	if s.WorkerID != "" {
		text += " as " + s.WorkerGroup + "/" + s.WorkerID + " of " + s.WorkerPoolID
	}
	if !s.HoldUntil.IsZero() {
		text += ", until " + s.HoldUntil.Format(time.DateTime)
	}
	if s.LastError != "" {
		text += "; last error: " + s.LastError
	}
	return text
}

func (t *teller) tell(lines []string) {
	if len(lines) == 0 {
		return
	}
	if err := t.send(strings.Join(lines, "\n")); err != nil {
		t.log.Warn("the service manager is not told how things are", "error", err)
	}
}

// together serves with both until both have ended; the first may be nil.
func together(one, other func(context.Context, control.Runner)) func(context.Context, control.Runner) {
	return func(ctx context.Context, r control.Runner) {
		var both sync.WaitGroup
		if one != nil {
			both.Go(func() { one(ctx, r) })
		}
		other(ctx, r)
		both.Wait()
	}
}
