package runner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/runner/policy"
)

// quiet is a worker that says what the test wants, and ends when it is stopped.
type quiet struct {
	conn  *protocol.Conn
	heard bytes.Buffer
	last  time.Time // when it heard something
	done  chan struct{}
	once  sync.Once
	grace time.Duration // that Stop was given
}

func newQuiet() *quiet {
	q := &quiet{done: make(chan struct{}), grace: -1}
	q.conn = protocol.New(q, protocol.All())
	return q
}

// Write is the worker's standard input.
func (q *quiet) Write(p []byte) (int, error) {
	q.last = time.Now()
	return q.heard.Write(p)
}

func (q *quiet) Conn() *protocol.Conn  { return q.conn }
func (q *quiet) Done() <-chan struct{} { return q.done }
func (q *quiet) Stop(grace time.Duration) {
	q.once.Do(func() { q.grace = grace; close(q.done) })
}

// hello makes the worker say hello, with these capabilities.
func (q *quiet) hello(t *testing.T, capabilities string) {
	t.Helper()
	line := `~{"type":"hello","capabilities":[` + capabilities + `]}` + "\n"
	if err := q.conn.Read(strings.NewReader(line), func(protocol.Message) {}, func(string) {}); err != nil && err != io.EOF { //nolint:errorlint // as it comes
		t.Fatal(err)
	}
}

const both = `"graceful-termination","new-credentials"`

func token(text string) tc.Credentials {
	return tc.Credentials{ClientID: "w", AccessToken: secret.New(text)}
}

// telling is a teller that attends a quiet worker until the test ends. It must be called in a
// bubble.
func telling(t *testing.T) (*teller, *quiet) {
	t.Helper()
	tell, q := newTeller(slog.New(slog.DiscardHandler), time.Minute), newQuiet()
	renewals, ok := tell.begin()
	if !ok {
		t.Fatal("no worker may be started")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { tell.attend(ctx, q, renewals) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return tell, q
}

func mustDrain(t *testing.T, tell *teller, o order) <-chan struct{} {
	t.Helper()
	heard, err := tell.drain(o)
	if err != nil {
		t.Fatal(err)
	}
	return heard
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAWorkerThatSaysHelloLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tell, q := telling(t)
		for _, text := range []string{"token-1", "token-2"} {
			tell.credentials(token(text)) // does not wait, or the next renewal would be late
			time.Sleep(time.Hour)
		}
		heard := mustDrain(t, tell, order{finish: true})
		synctest.Wait()
		if closed(heard) {
			t.Error("it was asked before it could hear")
		}
		q.hello(t, both)
		synctest.Wait()
		tell.credentials(token("token-3"))
		synctest.Wait()
		got := q.heard.String()
		if strings.Contains(got, "token-1") || strings.Count(got, "token-2") != 1 || strings.Count(got, "token-3") != 1 {
			t.Errorf("the worker heard %s", got)
		}
		if !closed(heard) || strings.Count(got, `"finish-tasks":true`) != 1 {
			t.Errorf("the worker heard %s", got)
		}
	})
}

// TestOrders: of several orders each one that is worse than those before reaches the worker.
func TestOrders(t *testing.T) {
	soon, later := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC), time.Date(2000, 1, 1, 2, 0, 0, 0, time.UTC)
	now, finish := order{}, order{finish: true}
	again := order{finish: true, again: true}
	by := func(o order, deadline time.Time) order { o.deadline = deadline; return o }
	for name, c := range map[string]struct {
		orders []order
		want   string // of each message: whether tasks are finished, and the hour of its deadline
	}{
		"once":             {[]order{now, now}, "false"},
		"finish":           {[]order{finish, finish}, "true"},
		"then at once":     {[]order{finish, now}, "true false"},
		"never back":       {[]order{now, finish}, "false"},
		"a deadline comes": {[]order{now, by(now, later), by(now, later)}, "false false@2"},
		"it comes nearer":  {[]order{by(now, later), by(now, soon), by(now, later)}, "false@2 false@1"},
		"with less time":   {[]order{by(finish, later), by(now, soon)}, "true@2 false@1"},
		"another worker":   {[]order{again, again}, "true"},
		"no other after":   {[]order{again, finish, now}, "true true false"},
		"none any more":    {[]order{finish, again}, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tell, q := telling(t)
				q.hello(t, both)
				for _, o := range c.orders {
					heard := mustDrain(t, tell, o)
					synctest.Wait()
					if !closed(heard) {
						t.Error("the worker was not asked")
					}
				}
				q.Stop(0)
				synctest.Wait()
				if got := orders(q); got != c.want {
					t.Errorf("%s, want %s; heard %s", got, c.want, q.heard.String())
				}
			})
		})
	}
}

// orders are the terminations that a worker has heard.
func orders(q *quiet) string {
	var got []string
	for line := range strings.Lines(q.heard.String()) {
		if !strings.Contains(line, "graceful-termination") {
			continue
		}
		text := "false"
		if strings.Contains(line, `"finish-tasks":true`) {
			text = "true"
		}
		if _, deadline, ok := strings.Cut(line, `"deadline":"2000-01-01T0`); ok {
			text += "@" + deadline[:1]
		}
		got = append(got, text)
	}
	return strings.Join(got, " ")
}

// TestPress: what a worker that has been asked to end hears when it is still there.
func TestPress(t *testing.T) {
	for name, c := range map[string]struct {
		order   order
		left    time.Duration // to the deadline; 0 is none
		want    string
		second  time.Duration // when the second message came; 0 is never
		stopped time.Duration // when it is killed; 0 is never
	}{
		"finishes, no deadline":    {order{finish: true}, 0, "true", 0, 0},
		"finishes, in ten minutes": {order{finish: true}, 10 * time.Minute, "true@0 false@0", 9 * time.Minute, 10 * time.Minute},
		"finishes, in a minute":    {order{finish: true}, time.Minute, "true@0 false@0", 30 * time.Second, 90 * time.Second},
		"at once":                  {order{}, 0, "false", 0, time.Minute},
		"at once, in ten minutes":  {order{}, 10 * time.Minute, "false@0", 0, 10 * time.Minute},
		"at once, in a second":     {order{}, time.Second, "false@0", 0, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tell, q := telling(t)
				q.hello(t, both)
				begin := time.Now()
				o := c.order
				if c.left > 0 {
					o.deadline = begin.Add(c.left).UTC()
				}
				mustDrain(t, tell, o)
				select {
				case <-q.done:
					if took := time.Since(begin); took != c.stopped || q.grace != 0 {
						t.Errorf("stopped after %v, with a grace of %v", took, q.grace)
					}
				case <-time.After(24 * time.Hour):
					if c.stopped > 0 {
						t.Error("it is still there")
					}
				}
				synctest.Wait()
				if got := orders(q); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				if c.second > 0 && q.last.Sub(begin) != c.second {
					t.Errorf("the second message came after %v", q.last.Sub(begin))
				}
			})
		})
	}
}

func TestAWorkerThatCannotBeAskedIsStopped(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, tell *teller){
		"to end":              func(t *testing.T, tell *teller) { mustDrain(t, tell, order{}) },
		"to take credentials": func(_ *testing.T, tell *teller) { tell.credentials(token("token-1")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tell, q := telling(t)
				q.hello(t, `"log"`)
				do(t, tell)
				synctest.Wait()
				if !closed(q.done) || q.grace != time.Minute || q.heard.Len() > 0 {
					t.Errorf("stopped %v, grace %v, heard %s", closed(q.done), q.grace, q.heard.String())
				}
			})
		})
	}
}

// TestBetweenWorkers: orders and credentials that come while no worker runs.
func TestBetweenWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tell, first := telling(t)
		first.hello(t, both)
		first.Stop(0)
		synctest.Wait()
		tell.ended()
		tell.credentials(token("token-1"))
		renewals, ok := tell.begin() // the config is rendered after this, with token-1
		if !ok {
			t.Fatal("no second worker")
		}
		tell.credentials(token("token-2"))
		second := newQuiet()
		second.hello(t, both)
		var wg sync.WaitGroup
		wg.Go(func() { tell.attend(t.Context(), second, renewals) })
		synctest.Wait()
		second.Stop(0)
		wg.Wait()
		tell.ended()
		if got := second.heard.String(); strings.Contains(got, "token-1") || strings.Count(got, "token-2") != 1 {
			t.Errorf("the second worker heard %s", got)
		}
		if heard := mustDrain(t, tell, order{}); !closed(heard) {
			t.Error("there is nobody to wait for")
		}
		if _, ok := tell.begin(); ok || !tell.draining() {
			t.Error("a third worker may be started")
		}
		tell.close()
		if _, err := tell.drain(order{}); !errors.Is(err, errNoWork) {
			t.Errorf("%v", err)
		}
	})
}

func TestRestartWaits(t *testing.T) {
	r, rule := restarts{random: func() float64 { return 0.5 }}, ruleOf(3, 10*time.Minute, 5*time.Second)
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var got []time.Duration
	for _, minute := range []int{0, 1, 2, 3, 9, 10, 11, 12} {
		wait, ok := r.next(rule, begin.Add(time.Duration(minute)*time.Minute))
		if !ok {
			wait = -1
		}
		got = append(got, wait)
	}
	want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, -1, -1, 20 * time.Second, 20 * time.Second, 20 * time.Second}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for random, want := range map[float64]time.Duration{0: 3750 * time.Millisecond, 0.999: 6247500 * time.Microsecond} {
		r := restarts{random: func() float64 { return random }}
		if wait, _ := r.next(ruleOf(1, time.Minute, 5*time.Second), begin); wait != want {
			t.Errorf("%v at %v, want %v", wait, random, want)
		}
	}
	never := restarts{random: func() float64 { return 0 }}
	if _, ok := never.next(policy.Rule{}, begin); ok {
		t.Error("a rule without restarts has one")
	}
}
