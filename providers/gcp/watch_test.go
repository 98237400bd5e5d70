package gcp_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/providers"
)

func identified(t *testing.T, m machine) providers.Watcher {
	t.Helper()
	p := provider(t, m.url)
	if _, err := p.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p.(providers.Watcher)
}

func notify(t *testing.T, m machine, n clouds.Notice) {
	t.Helper()
	if err := m.service.Notify(n); err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, w providers.Watcher) providers.Notice {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	n, err := w.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// quiet checks that there is no notice, until the watcher has seen how the machine is now.
func quiet(t *testing.T, m machine, w providers.Watcher) {
	t.Helper()
	_, now := fetch(t, m.url+"/computeMetadata/v1/instance/?recursive=true&alt=json")
	for i := range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(25+i)*time.Millisecond) // longer on a busy machine
		n, err := w.Watch(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("notice %+v, %v", n, err)
		}
		if m.known.Load() == now {
			return
		}
	}
	t.Fatal("the watcher does not look")
}

func TestNotices(t *testing.T) {
	in := time.Hour
	window := time.Date(2026, 9, 1, 13, 0, 0, 0, time.UTC) // the machine's clock is an hour before
	for kind, c := range map[string]struct {
		want providers.Notice
		left time.Duration // until the deadline
	}{
		"preempted":             {providers.Notice{Kind: providers.Termination, Reason: "preempted"}, 30 * time.Second},
		"maintenance-terminate": {providers.Notice{Kind: providers.Termination, Reason: "TERMINATE_ON_HOST_MAINTENANCE"}, time.Minute},
		"maintenance-migrate":   {providers.Notice{Kind: providers.Remark, Reason: "MIGRATE_ON_HOST_MAINTENANCE"}, time.Minute},
		"upcoming-maintenance":  {providers.Notice{Kind: providers.Advice, Reason: "upcoming-maintenance", Deadline: window}, 0},
	} {
		t.Run(kind, func(t *testing.T) {
			m := boot(t, usual, nil)
			w := identified(t, m)
			quiet(t, m, w)
			notify(t, m, clouds.Notice{Kind: kind, In: in})
			got := next(t, w)
			if c.left > 0 {
				if left := time.Until(got.Deadline); left > c.left || left < c.left-time.Second {
					t.Errorf("%v is left", left)
				}
				got.Deadline = time.Time{}
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			quiet(t, m, w) // once is enough
			notify(t, m, clouds.Notice{Kind: kind, Cancel: true})
			quiet(t, m, w)
			notify(t, m, clouds.Notice{Kind: kind, In: in})
			if again := next(t, w); again.Reason != c.want.Reason {
				t.Errorf("the second time: %+v", again)
			}
		})
	}
}

// TestAdviceIsListed checks the promise of Kind.Advice.
func TestAdviceIsListed(t *testing.T) {
	m := boot(t, usual, nil)
	w := identified(t, m)
	notify(t, m, clouds.Notice{Kind: "upcoming-maintenance", In: time.Hour})
	if n := next(t, w); !slices.Contains(kind().Advice, n.Reason) {
		t.Errorf("%s is not in %v", n.Reason, kind().Advice)
	}
}

// TestNothingIsMissed has the moments at which nobody listens.
func TestNothingIsMissed(t *testing.T) {
	t.Run("between Identify and Watch", func(t *testing.T) {
		m := boot(t, usual, nil)
		w := identified(t, m)
		notify(t, m, clouds.Notice{Kind: "preempted"})
		if n := next(t, w); n.Reason != "preempted" {
			t.Errorf("got %+v", n)
		}
	})
	t.Run("before Identify", func(t *testing.T) {
		m := boot(t, usual, nil)
		notify(t, m, clouds.Notice{Kind: "maintenance-terminate"})
		if n := next(t, identified(t, m)); n.Kind != providers.Termination {
			t.Errorf("got %+v", n)
		}
	})
	t.Run("between two calls of Watch, and two at once", func(t *testing.T) {
		m := boot(t, usual, nil)
		w := identified(t, m)
		notify(t, m, clouds.Notice{Kind: "upcoming-maintenance", In: time.Hour})
		next(t, w)
		notify(t, m, clouds.Notice{Kind: "preempted"})
		notify(t, m, clouds.Notice{Kind: "maintenance-terminate"})
		got := []string{next(t, w).Reason, next(t, w).Reason}
		if !slices.Equal(got, []string{"preempted", "TERMINATE_ON_HOST_MAINTENANCE"}) {
			t.Errorf("got %v", got)
		}
	})
}

// TestWatchFaults has faults that come while Watch hangs: the notice arrives all the same.
func TestWatchFaults(t *testing.T) {
	for _, kind := range []string{"401", "403", "404", "429", "500", "503", "reset", "slow"} {
		t.Run(kind, func(t *testing.T) {
			m := boot(t, usual, nil)
			w := identified(t, m)
			fault := clouds.Fault{Kind: kind, Path: "/computeMetadata/v1/instance/", Times: 4, Delay: 50 * time.Millisecond}
			if err := m.faults.Add(fault); err != nil {
				t.Fatal(err)
			}
			before := m.calls.Load()
			notify(t, m, clouds.Notice{Kind: "preempted"})
			if n := next(t, w); n.Reason != "preempted" {
				t.Errorf("got %+v", n)
			}
			if n := m.calls.Load() - before; n > 8 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

// TestArmed checks that maintenance-event is read by itself, before the first event and after
// each: Google gives no warning otherwise.
func TestArmed(t *testing.T) {
	var read atomic.Int64
	m := boot(t, usual, func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/maintenance-event") {
			read.Add(1)
		}
	})
	w := identified(t, m)
	quiet(t, m, w)
	quiet(t, m, w)
	if read.Load() != 1 {
		t.Errorf("read %d times before an event", read.Load())
	}
	notify(t, m, clouds.Notice{Kind: "maintenance-migrate"})
	next(t, w)
	notify(t, m, clouds.Notice{Kind: "maintenance-migrate", Cancel: true})
	quiet(t, m, w)
	quiet(t, m, w)
	if n := read.Load(); n < 2 || n > 3 {
		t.Errorf("read %d times with an event", n)
	}
}

// TestWatchLeavesNothing checks for goroutines after Watch has returned.
func TestWatchLeavesNothing(t *testing.T) {
	m := boot(t, usual, nil)
	w := identified(t, m)
	for range 3 {
		quiet(t, m, w)
	}
	goleak.VerifyNone(t, goleak.IgnoreAnyFunction("net/http/httptest.(*Server).goServe.func1"),
		goleak.IgnoreAnyFunction("net/http.(*conn).serve"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreTopFunction("testing.(*T).Run"))
}

// TestLatency measures the time from a change to its notice.
func TestLatency(t *testing.T) {
	m := boot(t, usual, nil)
	w := identified(t, m)
	quiet(t, m, w)
	var all []time.Duration
	for i := range 100 {
		changed := make(chan time.Time, 1)
		kind := []string{"maintenance-terminate", "maintenance-migrate"}[i%2]
		timer := time.AfterFunc(time.Duration(i%7)*time.Millisecond, func() {
			changed <- time.Now()
			_ = m.service.Notify(clouds.Notice{Kind: kind})
		})
		next(t, w)
		all = append(all, time.Since(<-changed))
		timer.Stop()
	}
	slices.Sort(all)
	median, p95 := all[len(all)/2], all[len(all)*95/100]
	t.Logf("median %v, p95 %v", median, p95)
	if median > 500*time.Millisecond { // a busy machine has a p95 of its own; bench/notices has that of a quiet one
		t.Errorf("the median is %v", median)
	}
}
