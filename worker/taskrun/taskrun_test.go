package taskrun_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// The parts of a run's life, as package plugins draws it.
const (
	made     = "a.New b.New"
	prepared = " a.Prepare b.Prepare engine.NewBuilder"
	built    = " a.Build b.Build"
	started  = " engine.Start a.Started b.Started engine.Wait"
	killed   = " engine.Kill engine.Wait"
	stopped  = " b.Stopped a.Stopped engine.Dispose"
	nothing  = " b.Stopped(nothing) a.Stopped(nothing)"
	closed   = " a.Finish b.Finish b.Close a.Close"
	discard  = " engine.Discard"
)

func fail(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

func explode(context.Context) error { panic("told to") }

// order is the calls in order; those that are made together are sorted.
func order(calls []string) string {
	calls = slices.Clone(calls)
	together := func(c string) int {
		switch {
		case strings.HasSuffix(c, ".Prepare"), c == "engine.NewBuilder":
			return 1
		case strings.HasSuffix(c, ".Finish"):
			return 2
		}
		return 0
	}
	for i := 0; i < len(calls); {
		j := i + 1
		for j < len(calls) && together(calls[i]) > 0 && together(calls[j]) == together(calls[i]) {
			j++
		}
		slices.Sort(calls[i:j])
		i = j
	}
	return strings.Join(calls, " ")
}

// TestOrder goes through what can go wrong at each stage.
func TestOrder(t *testing.T) {
	e := task.Unavailable("told to")
	for _, c := range []struct {
		name    string
		payload string
		at      string
		do      func(context.Context) error
		want    string
		as      task.Resolution
	}{
		{"nothing", `{}`, "", nil, made + prepared + built + started + stopped + closed, task.Completed},
		{"exit code", `{"exitCode": 3}`, "", nil, made + prepared + built + started + stopped + closed, task.Failed},
		{"bad payload", `{"exitCode": "x"}`, "", nil, made + nothing + closed, task.MalformedPayload},
		{"New", `{}`, "b.New", fail(e), "a.New b.New a.Stopped(nothing) a.Finish a.Close", task.ResourceUnavailable},
		{"New panics", `{}`, "a.New", explode, "a.New b.New b.Stopped(nothing) b.Finish b.Close", task.InternalError},
		{"Prepare", `{}`, "a.Prepare", fail(e), made + prepared + discard + nothing + closed, task.ResourceUnavailable},
		{"Prepare panics", `{}`, "b.Prepare", explode, made + prepared + discard + nothing + closed, task.InternalError},
		{"NewBuilder", `{}`, "engine.NewBuilder", fail(e), made + prepared + nothing + closed, task.ResourceUnavailable},
		{"NewBuilder panics", `{}`, "engine.NewBuilder", explode, made + prepared + nothing + closed, task.InternalError},
		{"Build", `{}`, "a.Build", fail(e), made + prepared + " a.Build" + discard + nothing + closed, task.ResourceUnavailable},
		{"ability", `{}`, "b.Build", fail(engines.ErrNotSupported), made + prepared + built + discard + nothing + closed, task.MalformedPayload},
		{"Start", `{}`, "engine.Start", fail(e), made + prepared + built + " engine.Start" + nothing + closed, task.ResourceUnavailable},
		{"Start panics", `{}`, "engine.Start", explode, made + prepared + built + " engine.Start" + nothing + closed, task.InternalError},
		{"Started", `{"runForMs": 60000}`, "a.Started", fail(e), made + prepared + built + " engine.Start a.Started engine.Wait" + killed + stopped + closed, task.ResourceUnavailable},
		{"Stopped", `{}`, "b.Stopped", fail(e), made + prepared + built + started + stopped + closed, task.ResourceUnavailable},
		{"Stopped panics", `{}`, "b.Stopped", explode, made + prepared + built + started + stopped + closed, task.InternalError},
		{"Finish", `{}`, "a.Finish", fail(e), made + prepared + built + started + stopped + closed, task.ResourceUnavailable},
		{"Dispose", `{}`, "engine.Dispose", fail(errors.New("busy")), made + prepared + built + started + stopped + closed, task.InternalError},
		{"Close panics", `{}`, "b.Close", explode, made + prepared + built + started + stopped + closed, task.Completed},
		{"Wait", `{"failIn": "wait"}`, "", nil, made + prepared + built + started + killed + nothing + closed, task.InternalError},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, c.payload)
				b.at[c.at] = c.do
				o := b.run(t.Context())
				if got := order(b.seen()); got != c.want {
					t.Errorf("calls\n%s, want\n%s", got, c.want)
				}
				b.reported(t, o, c.as)
			})
		})
	}
}

// reported compares the outcome with what the queue was told.
func (b *bench) reported(t *testing.T, o taskrun.Outcome, want task.Resolution) {
	t.Helper()
	if o.Resolution != want {
		t.Errorf("resolved %q (%v), want %q", o.Resolution, o.Err, want)
	}
	tell := `exception{"reason":"` + string(want) + `"}`
	if want == task.Completed || want == task.Failed {
		tell = string(want)
	}
	if len(b.queue.reports) != 1 || strings.Join(strings.Fields(b.queue.reports[0]), "") != tell {
		t.Errorf("the queue was told %q, want %q", b.queue.reports, tell)
	}
}

// TestAbort aborts at every hook. Only an abort after the commands have ended changes nothing.
func TestAbort(t *testing.T) {
	for _, c := range []struct {
		at   string
		want string
		as   task.Resolution
	}{
		{"a.New", made + nothing + closed, task.WorkerShutdown},
		{"a.Prepare", made + prepared + discard + nothing + closed, task.WorkerShutdown},
		{"engine.NewBuilder", made + prepared + discard + nothing + closed, task.WorkerShutdown},
		{"a.Build", made + prepared + built + discard + nothing + closed, task.WorkerShutdown},
		{"engine.Start", made + prepared + built + started + killed + stopped + closed, task.WorkerShutdown},
		{"b.Started", made + prepared + built + started + killed + stopped + closed, task.WorkerShutdown},
		{"engine.Wait", made + prepared + built + started + killed + stopped + closed, task.WorkerShutdown},
		{"b.Stopped", made + prepared + built + started + stopped + closed, task.Completed},
		{"a.Finish", made + prepared + built + started + stopped + closed, task.Completed},
		{"a.Close", made + prepared + built + started + stopped + closed, task.Completed},
	} {
		t.Run(c.at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, `{"runForMs": 60000}`)
				b.at[c.at] = func(ctx context.Context) error {
					b.runner.Abort(task.Shutdown("going away"))
					b.runner.Abort(errors.New("a later cause"))
					if strings.HasSuffix(c.at, "Prepare") {
						return fmt.Errorf("interrupted: %w", ctx.Err()) // what comes of an abort is no cause
					}
					return nil
				}
				o := b.run(t.Context())
				if got := order(b.seen()); got != c.want {
					t.Errorf("calls\n%s, want\n%s", got, c.want)
				}
				b.reported(t, o, c.as)
			})
		})
	}
}

// TestAbortBeforeRun is a claim that comes while the worker drains: it is handed back.
func TestAbortBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{}`)
		b.runner.Abort(task.Shutdown("going away"))
		b.reported(t, b.run(t.Context()), task.WorkerShutdown)
		if got := order(b.seen()); got != made+nothing+closed {
			t.Errorf("calls %s", got)
		}
	})
}

// TestClaimLost loses the claim while each hook takes its time: nothing is reported, the
// contexts of all hooks end, the commands are ended.
func TestClaimLost(t *testing.T) {
	for _, at := range []string{"a.Prepare", "engine.NewBuilder", "a.Build", "engine.Start", "", "b.Stopped", "b.Finish"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, `{"runForMs": 100000000}`)
				if strings.HasSuffix(at, "Stopped") || strings.HasSuffix(at, "Finish") {
					b = newBench(t, `{}`)
				}
				b.queue.answers = []int{http.StatusOK, http.StatusConflict}
				ended := at == ""
				b.at[at] = func(ctx context.Context) error {
					<-ctx.Done()
					ended = true
					return ctx.Err()
				}
				begin := time.Now()
				o := b.run(t.Context())
				if o.Resolution != "" || !errors.Is(o.Err, taskrun.ErrLost) || len(b.queue.reports) > 0 {
					t.Errorf("outcome %+v, reports %v", o, b.queue.reports)
				}
				if took := time.Since(begin); !ended || took > 35*time.Minute {
					t.Errorf("the hook ended: %v; after %v", ended, took)
				}
				if seen := b.seen(); slices.Contains(seen, "engine.Wait") && !slices.Contains(seen, "engine.Dispose") {
					t.Errorf("not disposed of: %v", seen)
				}
				if seen := b.seen(); seen[len(seen)-1] != "a.Close" {
					t.Errorf("not closed: %v", seen)
				}
			})
		})
	}
}

// TestLostAtTheReport: somebody cancelled the task in its last moment.
func TestLostAtTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{}`)
		b.queue.reportAnswers = []int{http.StatusConflict}
		if o := b.run(t.Context()); o.Resolution != "" || !errors.Is(o.Err, taskrun.ErrLost) || len(b.queue.reports) != 1 {
			t.Errorf("outcome %+v, reports %v", o, b.queue.reports)
		}
	})
}

// TestReclaim: three minutes ahead, again after failures, with the newest credentials.
func TestReclaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{"runForMs": 2400000}`) // 40 minutes
		b.queue.answers = []int{http.StatusOK, 0, http.StatusInternalServerError}
		begin := time.Now()
		b.reported(t, b.run(t.Context()), task.Completed)
		want := []time.Duration{17 * time.Minute, 34 * time.Minute, 34*time.Minute + 10*time.Second, 34*time.Minute + 20*time.Second}
		if len(b.queue.reclaims) != len(want) {
			t.Fatalf("reclaimed at %v", b.queue.reclaims)
		}
		for i, at := range b.queue.reclaims {
			if got := at.Sub(begin); got != want[i] {
				t.Errorf("attempt %d after %v, want %v", i, got, want[i])
			}
		}
		if s := b.queue.signers; s[0] != "first" || s[1] != "renewed" || s[len(s)-1] != "renewed" {
			t.Errorf("called by %v", s)
		}
	})
}

// TestDeadline: the queue tells nobody that a task's deadline has passed, so the worker asks then.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{"runForMs": 1200000}, "deadline": "`+time.Now().Add(5*time.Minute).Format(time.RFC3339)+`"`)
		b.queue.answers = []int{http.StatusConflict}
		begin := time.Now()
		o := b.run(t.Context())
		if took := time.Since(begin); !errors.Is(o.Err, taskrun.ErrLost) || took < 5*time.Minute || took > 5*time.Minute+20*time.Second {
			t.Errorf("outcome %+v after %v", o, took)
		}
	})
}

// TestReclaimInVain: the claim is lost when it ends, and not before.
func TestReclaimInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{"runForMs": 100000000}`)
		for range 200 {
			b.queue.answers = append(b.queue.answers, 0)
		}
		begin := time.Now()
		o := b.run(t.Context())
		if took := time.Since(begin); !errors.Is(o.Err, taskrun.ErrLost) || took < 20*time.Minute || took > 20*time.Minute+15*time.Second {
			t.Errorf("outcome %+v after %v", o, took)
		}
	})
}

// TestShortClaims: a service that gives claims of a moment, or of the past, is not hammered.
func TestShortClaims(t *testing.T) {
	for _, lasts := range []time.Duration{-time.Hour, time.Millisecond, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, `{"runForMs": 1200000}`) // 20 minutes, of which 17 are of the first claim
			b.queue.lasts = lasts
			b.reported(t, b.run(t.Context()), task.Completed)
			if n := len(b.queue.reclaims); n < 30 || n > 181 {
				t.Errorf("%d reclaims with claims of %v", n, lasts)
			}
		})
	}
}

// TestGivenUp: a worker that ends at once reports nothing.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{"runForMs": 60000}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if o := b.run(ctx); o.Resolution != "" || o.Err == nil || len(b.queue.reports) > 0 {
			t.Errorf("outcome %+v, reports %v", o, b.queue.reports)
		}
	})
}
