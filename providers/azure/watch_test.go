package azure_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/providers"
)

// TestEvents shows what each sort of event is told as.
func TestEvents(t *testing.T) {
	const nobody = -1
	for name, c := range map[string]struct {
		notice clouds.Notice
		own    bool // name this machine, in another case, beside the notice's resources
		want   providers.NoticeKind
		reason string
		dated  bool
	}{
		"spot eviction":        {clouds.Notice{Kind: "Preempt", In: 30 * time.Second}, false, providers.Termination, "Preempt", true},
		"deletion":             {clouds.Notice{Kind: "Terminate", In: 5 * time.Minute}, false, providers.Termination, "Terminate", true},
		"reboot":               {clouds.Notice{Kind: "Reboot", In: 15 * time.Minute}, false, providers.Termination, "Reboot", true},
		"redeploy":             {clouds.Notice{Kind: "Redeploy", In: 10 * time.Minute}, false, providers.Termination, "Redeploy", true},
		"a type that is new":   {clouds.Notice{Kind: "Evaporate", In: time.Minute}, false, providers.Termination, "Evaporate", true},
		"started":              {clouds.Notice{Kind: "Reboot", Status: "Started"}, false, providers.Termination, "Reboot", false},
		"freeze":               {clouds.Notice{Kind: "Freeze", In: 15 * time.Minute}, false, providers.Remark, "Freeze", true},
		"freeze, started":      {clouds.Notice{Kind: "Freeze", Status: "Started"}, false, providers.Remark, "Freeze", false},
		"cancelled":            {clouds.Notice{Kind: "Preempt", Status: "Canceled"}, false, providers.Remark, "Preempt Canceled", false},
		"completed":            {clouds.Notice{Kind: "Redeploy", Status: "Completed"}, false, providers.Remark, "Redeploy Completed", false},
		"another machine's":    {clouds.Notice{Kind: "Preempt", In: time.Minute, Resources: []string{"vm-other"}}, false, nobody, "", false},
		"several machines'":    {clouds.Notice{Kind: "Reboot", In: time.Minute, Resources: []string{"vm-other"}}, true, providers.Termination, "Reboot", true},
		"that name no machine": {clouds.Notice{Kind: "Preempt", In: time.Minute, Resources: []string{}}, false, providers.Termination, "Preempt", true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *machine) {
				if c.own {
					c.notice.Resources = append(c.notice.Resources, strings.ToUpper(m.record.Name))
				}
				m.notify(t, c.notice)
				announced := time.Now()
				p := m.provider(t)
				if c.want != nobody {
					n := next(t, p)
					want := providers.Notice{Kind: c.want, ID: n.ID, Reason: c.reason, Resource: m.record.Name}
					if c.dated {
						want.Deadline = announced.Add(c.notice.In).UTC()
					}
					if n != want || n.ID == "" {
						t.Errorf("notice %+v, want %+v", n, want)
					}
				}
				quiet(t, p)
			})
		})
	}
}

// TestLifeOfAnEvent follows one event: each change that means something is told, once.
func TestLifeOfAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine) {
		p := m.provider(t)
		m.notify(t, clouds.Notice{Kind: "Reboot", In: time.Hour})
		announced := next(t, p)
		m.notify(t, clouds.Notice{Kind: "Freeze", In: time.Hour})
		if n := next(t, p); n.Kind != providers.Remark || n.Reason != "Freeze" {
			t.Errorf("beside the first: %+v", n)
		}
		m.notify(t, clouds.Notice{Kind: "Reboot", Status: "Started"})
		if n := next(t, p); n.Kind != providers.Termination || n.ID != announced.ID || !n.Deadline.IsZero() {
			t.Errorf("started early: %+v", n)
		}
		m.notify(t, clouds.Notice{Kind: "Reboot", Cancel: true})
		if n := next(t, p); n.Kind != providers.Remark || n.ID != announced.ID || n.Reason != "Reboot withdrawn" {
			t.Errorf("withdrawn: %+v", n)
		}
		quiet(t, p)
		m.notify(t, clouds.Notice{Kind: "Reboot", In: time.Hour})
		if n := next(t, p); n.Kind != providers.Termination || n.ID == announced.ID {
			t.Errorf("a new event of the same type: %+v", n)
		}
	})
}

// TestCancelledEventIsGoneQuietly shows that the end of an event is told once, whichever way
// Azure says it.
func TestCancelledEventIsGoneQuietly(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine) {
		p := m.provider(t)
		m.notify(t, clouds.Notice{Kind: "Preempt", In: time.Hour})
		next(t, p)
		m.notify(t, clouds.Notice{Kind: "Preempt", Status: "Canceled", Cancel: true})
		if n := next(t, p); n.Kind != providers.Remark || n.Reason != "Preempt Canceled" {
			t.Errorf("cancelled: %+v", n)
		}
		m.notify(t, clouds.Notice{Kind: "Preempt", Cancel: true})
		quiet(t, p)
	})
}

func TestAcknowledge(t *testing.T) {
	for name, c := range map[string]struct {
		notice clouds.Notice
		off    bool
		others bool
		want   bool
	}{
		"Preempt":               {clouds.Notice{Kind: "Preempt", In: time.Hour}, false, false, true},
		"Terminate":             {clouds.Notice{Kind: "Terminate", In: time.Hour}, false, false, true},
		"not configured":        {clouds.Notice{Kind: "Preempt", In: time.Hour}, true, false, false},
		"of others too":         {clouds.Notice{Kind: "Preempt", In: time.Hour}, false, true, false},
		"Reboot":                {clouds.Notice{Kind: "Reboot", In: time.Hour}, false, false, false},
		"a type that is new":    {clouds.Notice{Kind: "Evaporate", In: time.Hour}, false, false, false},
		"started already":       {clouds.Notice{Kind: "Preempt", Status: "Started"}, false, false, false},
		"cancelled":             {clouds.Notice{Kind: "Terminate", Status: "Canceled"}, false, false, false},
		"that names no machine": {clouds.Notice{Kind: "Preempt", In: time.Hour, Resources: []string{}}, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := boot(t)
			if c.others {
				c.notice.Resources = []string{m.record.Name, "vm-other"}
			}
			m.values["acknowledgeEvents"] = !c.off
			m.notify(t, c.notice)
			p := m.provider(t)
			n := next(t, p)
			if err := p.Acknowledge(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			if got := m.service.Acknowledged(); slices.Contains(got, n.ID) != c.want {
				t.Errorf("acknowledged: %v", got)
			}
		})
	}
}

// TestAcknowledgeIsRepeated shows that a busy service gets the word at last, and that a word
// which does not arrive is an error.
func TestAcknowledgeIsRepeated(t *testing.T) {
	m := boot(t)
	m.values["acknowledgeEvents"] = true
	m.notify(t, clouds.Notice{Kind: "Preempt", In: time.Hour})
	p := m.provider(t)
	n := next(t, p)
	for _, fault := range []clouds.Fault{{Kind: "403", Times: 1}, {Kind: "503", Times: 2}} {
		if err := m.faults.Add(fault); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Acknowledge(t.Context(), n); err == nil {
		t.Error("a refusal is no error")
	}
	if err := p.Acknowledge(t.Context(), n); err != nil {
		t.Error(err)
	}
	if got := m.service.Acknowledged(); !slices.Equal(got, []string{n.ID}) {
		t.Errorf("acknowledged: %v", got)
	}
}

// TestWatchSurvivesFaults shows that watching goes on whatever the service does, without
// spinning, and that the log has a line for the beginning, each change and the end.
func TestWatchSurvivesFaults(t *testing.T) {
	for _, kind := range []string{"401", "404", "429", "500", "reset"} {
		t.Run(kind, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *machine) {
				p := m.provider(t)
				if err := m.faults.Add(clouds.Fault{Kind: kind, Times: 100}); err != nil {
					t.Fatal(err)
				}
				m.notify(t, clouds.Notice{Kind: "Preempt", In: time.Hour})
				before := time.Now()
				ctx, done := context.WithTimeout(t.Context(), time.Hour)
				defer done()
				if n, err := p.Watch(ctx); err != nil || n.Reason != "Preempt" {
					t.Errorf("notice %+v, %v", n, err)
				}
				// 1.8 s, 3.6 s, then 5 s between calls.
				if took, want := time.Since(before), 98*5*time.Second+5400*time.Millisecond; took != want {
					t.Errorf("100 calls that fail take %v, want %v", took, want)
				}
				want := []string{"scheduled events cannot be read; trying on", "scheduled events can be read again"}
				if got := m.log.messages(); !slices.Equal(got, want) {
					t.Errorf("log %q", got)
				}
			})
		})
	}
}

// TestNoticesAreInTime measures, over 100 notices at random moments, how late they are told.
func TestNoticesAreInTime(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine) {
		p := m.provider(t)
		random := rand.New(rand.NewPCG(1, 2))
		var late []time.Duration
		for range 100 {
			var announced time.Time
			time.AfterFunc(time.Duration(random.Int64N(int64(time.Minute))), func() {
				announced = time.Now()
				m.notify(t, clouds.Notice{Kind: "Preempt", In: time.Hour})
			})
			ctx, done := context.WithTimeout(t.Context(), time.Hour)
			if _, err := p.Watch(ctx); err != nil {
				t.Fatal(err)
			}
			done()
			late = append(late, time.Since(announced))
			m.notify(t, clouds.Notice{Kind: "Preempt", Cancel: true})
			next(t, p)
		}
		slices.Sort(late)
		t.Logf("p50 %v, p95 %v, most %v", late[49], late[94], late[99])
		if late[94] > time.Second {
			t.Errorf("p95 %v", late[94])
		}
		before := m.calls.count()
		quiet(t, p)
		if n := m.calls.count() - before; n < 20 || n > 30 {
			t.Errorf("%d calls in 20 s", n)
		}
	})
}

// TestSlowFirstCall shows that the call which switches the service on may take longer than others.
func TestSlowFirstCall(t *testing.T) {
	t.Parallel()
	m := boot(t)
	p := m.provider(t)
	if err := m.faults.Add(clouds.Fault{Kind: "slow", Delay: 3 * time.Second, Times: 1}); err != nil {
		t.Fatal(err)
	}
	m.notify(t, clouds.Notice{Kind: "Preempt", In: time.Hour})
	if n := next(t, p); n.Reason != "Preempt" || m.calls.count() != 1 {
		t.Errorf("notice %+v after %d calls", n, m.calls.count())
	}
}

// TestWatchEndsWithItsContext holds while a call hangs as well.
func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	m := boot(t)
	p := m.provider(t)
	if err := m.faults.Add(clouds.Fault{Kind: "silent"}); err != nil {
		t.Fatal(err)
	}
	why := errors.New("the work is done")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	before := time.Now()
	if _, err := p.Watch(ctx); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(before); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if got := m.log.messages(); len(got) > 0 {
		t.Errorf("the end is logged as a fault: %q", got)
	}
}
