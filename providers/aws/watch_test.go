package aws_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/providertest"
)

// inside carries calls to a service in the same bubble of time, each within two seconds.
type inside struct{ h http.Handler }

func (in inside) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, done := context.WithTimeout(r.Context(), 2*time.Second)
	defer done()
	return providertest.Call(in.h, r.WithContext(ctx))
}

// listener hears notices until the test ends.
type listener struct {
	notices chan providers.Notice
	stop    func()
}

func listen(t *testing.T, i http.Handler, j *journal) listener {
	t.Helper()
	w := provider("http://169.254.169.254", inside{i}, j).(providers.Watcher)
	ctx, cancel := context.WithCancel(t.Context())
	l := listener{notices: make(chan providers.Notice, 10)}
	ended := make(chan struct{})
	l.stop = func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		for {
			n, err := w.Watch(ctx)
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("Watch: %v", err)
				}
				return
			}
			l.notices <- n
		}
	}()
	return l
}

// heard are the notices that came within d.
func (l listener) heard(d time.Duration) []providers.Notice {
	time.Sleep(d)
	synctest.Wait()
	var all []providers.Notice
	for len(l.notices) > 0 {
		all = append(all, <-l.notices)
	}
	return all
}

func TestNotices(t *testing.T) {
	for kind, c := range map[string]struct {
		want   providers.Notice
		within time.Duration
		timed  bool
	}{
		"spot-terminate": {providers.Notice{Kind: providers.Termination, Reason: "spot-terminate"}, 2 * time.Second, true},
		"spot-stop":      {providers.Notice{Kind: providers.Termination, Reason: "spot-stop"}, 2 * time.Second, true},
		"spot-hibernate": {providers.Notice{Kind: providers.Termination, Reason: "spot-hibernate"}, 2 * time.Second, true},
		"rebalance":      {providers.Notice{Kind: providers.Advice, Reason: "rebalance-recommendation"}, 20 * time.Second, false},
		"maintenance":    {providers.Notice{Kind: providers.Advice, Reason: "scheduled-maintenance", Resource: "system-reboot"}, 20 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			i := launch(t, poolConfig)
			l := listen(t, i, &journal{})
			if early := l.heard(time.Minute); len(early) != 0 {
				t.Errorf("%s: heard before it was said: %+v", kind, early)
			}
			i.notify(t, clouds.Notice{Kind: kind, In: 2 * time.Minute})
			at := time.Now().Add(2 * time.Minute)
			heard := l.heard(c.within)
			if len(heard) != 1 {
				t.Fatalf("%s: heard %+v", kind, heard)
			}
			got := heard[0]
			if d := at.Sub(got.Deadline); c.timed && (d < 0 || d > time.Second) || !c.timed && !got.Deadline.IsZero() {
				t.Errorf("%s: deadline %v; want %v", kind, got.Deadline, at)
			}
			if (got.ID == "") != (c.want.Kind == providers.Termination) {
				t.Errorf("%s: ID %q", kind, got.ID)
			}
			got.Deadline, got.ID = time.Time{}, ""
			if got != c.want {
				t.Errorf("%s: %+v; want %+v", kind, got, c.want)
			}
			if again := l.heard(10 * time.Minute); len(again) != 0 {
				t.Errorf("%s: told again: %+v", kind, again)
			}
			i.notify(t, clouds.Notice{Kind: kind, Cancel: true})
			if after := l.heard(time.Minute); len(after) != 0 {
				t.Errorf("%s: heard after it was taken back: %+v", kind, after)
			}
			i.notify(t, clouds.Notice{Kind: kind, In: time.Hour})
			if next := l.heard(c.within); len(next) != 1 {
				t.Errorf("%s: a second event: %+v", kind, next)
			}
			l.stop()
		})
	}
}

// TestDelay is the figure of the issue: from the change to the notice, and what that costs.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := launch(t, poolConfig)
		l := listen(t, i, &journal{})
		var delays []time.Duration
		for n := range 100 {
			time.Sleep(time.Minute + rand.N(10*time.Second))
			i.notify(t, clouds.Notice{Kind: "spot-terminate", In: time.Duration(n+1) * time.Hour})
			began := time.Now()
			<-l.notices
			delays = append(delays, time.Since(began))
			i.notify(t, clouds.Notice{Kind: "spot-terminate", Cancel: true})
		}
		slices.Sort(delays)
		if p95 := delays[94]; p95 > 2*time.Second {
			t.Errorf("the 95th of 100 notices took %v", p95)
		}
		before := i.count()
		l.heard(10 * time.Minute)
		each := float64(i.count()-before) / 10
		t.Logf("median %v, p95 %v; %.1f calls a minute", delays[49], delays[94], each)
		if each > 100 {
			t.Errorf("%.1f calls a minute", each)
		}
		l.stop()
	})
}

// TestWatchOutlivesTheService: it is down for an hour in many ways, and then there is a notice.
func TestWatchOutlivesTheService(t *testing.T) {
	for _, f := range []clouds.Fault{
		{Kind: "500"}, {Kind: "429"}, {Kind: "401"}, {Kind: "403"}, {Kind: "silent"}, {Kind: "reset"},
		{Kind: "404", Path: "/latest/api/token"}, {Kind: "500", Path: "/latest/meta-data/events"},
	} {
		synctest.Test(t, func(t *testing.T) {
			i, j := launch(t, poolConfig), &journal{}
			l := listen(t, i, j)
			l.heard(10 * time.Second)
			i.spoil(t, f)
			before := i.count()
			if n := l.heard(time.Hour); len(n) != 0 {
				t.Errorf("%+v: heard %+v", f, n)
			}
			if each := (i.count() - before) / 60; each > 200 || each < 10 {
				t.Errorf("%+v: %d calls a minute", f, each)
			}
			i.faults.Clear()
			l.heard(5 * time.Second)
			i.notify(t, clouds.Notice{Kind: "spot-terminate", In: time.Minute})
			if n := l.heard(3 * time.Second); len(n) != 1 {
				t.Errorf("%+v: heard %+v once it was over", f, n)
			}
			if text := j.String(); strings.Count(text, "level=WARN") != 1 || strings.Count(text, "answers again") != 1 {
				t.Errorf("%+v: logged\n%s", f, text)
			}
			l.stop()
		})
	}
}

// fixed is a service that says always the same, by the path below meta-data.
type fixed map[string]string

func (f fixed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, ok := f[strings.TrimPrefix(r.URL.Path, "/latest/meta-data/")]
	switch {
	case r.Method == http.MethodPut:
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
		_, _ = io.WriteString(w, "token")
	case !ok:
		http.NotFound(w, r)
	default:
		_, _ = io.WriteString(w, text)
	}
}

func TestWhatElseTheServiceMaySay(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 6, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		says fixed
		want []providers.Notice
	}{
		"a new action": {
			fixed{"spot/instance-action": `{"action":"vaporize","time":"2026-11-22T03:06:00Z"}`},
			[]providers.Notice{{Kind: providers.Termination, Reason: "spot-interruption", Deadline: at}},
		},
		"the time alone": {
			fixed{"spot/termination-time": "2026-11-22T03:06:00Z\n"},
			[]providers.Notice{{Kind: providers.Termination, Reason: "spot-terminate", Deadline: at}},
		},
		"a time that is none": {fixed{"spot/termination-time": "not set"}, nil},
		"nothing in a reply":  {fixed{"spot/instance-action": "", "events/maintenance/scheduled": ""}, nil},
		"maintenance that is over, and another": {
			fixed{"events/maintenance/scheduled": `[
				{"NotBefore":"21 Jan 2026 09:00:43 GMT","Code":"system-reboot","EventId":"instance-event-1","State":"completed"},
				{"NotBefore":"22 Nov 2026 03:06:00 GMT","Code":"instance-stop","EventId":"instance-event-2","State":"canceled"},
				{"NotBefore":"22 Nov 2026 03:06:00 GMT","Code":"instance-retirement","EventId":"instance-event-3","State":"active"},
				{"NotBefore":"some day","Code":"instance-stop","EventId":"instance-event-4","State":"active"}]`},
			[]providers.Notice{
				{Kind: providers.Advice, Reason: "scheduled-maintenance", ID: "instance-event-3", Resource: "instance-retirement", Deadline: at},
				{Kind: providers.Advice, Reason: "scheduled-maintenance", ID: "instance-event-4", Resource: "instance-stop"},
			},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := listen(t, c.says, &journal{})
			got := l.heard(time.Minute)
			if !slices.EqualFunc(got, c.want, func(a, b providers.Notice) bool {
				same := a.Deadline.Equal(b.Deadline)
				a.Deadline, b.Deadline = time.Time{}, time.Time{}
				return same && a == b
			}) {
				t.Errorf("%s: %+v; want %+v", name, got, c.want)
			}
			l.stop()
		})
	}
}

func TestGarbageIsNoNotice(t *testing.T) {
	for _, path := range []string{"spot/instance-action", "events/recommendations/rebalance", "events/maintenance/scheduled"} {
		synctest.Test(t, func(t *testing.T) {
			j := &journal{}
			l := listen(t, fixed{path: "<html>"}, j)
			if n := l.heard(time.Minute); len(n) != 0 || strings.Count(j.String(), "level=WARN") != 1 || !strings.Contains(j.String(), path) {
				t.Errorf("%s: heard %+v, logged %s", path, n, j)
			}
			l.stop()
		})
	}
}
