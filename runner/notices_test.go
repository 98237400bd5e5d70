package runner

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
)

func TestWhatFollowsFromANotice(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	policy := config.Notices{DrainOn: []string{"rebalance"}, FinishTasksIfLeft: 5 * time.Minute}
	never := config.Notices{DrainOn: []string{"rebalance"}}
	const no, drop, finish = "no", "drop", "finish"
	for _, c := range []struct {
		name   string
		config config.Notices
		notice providers.Notice
		left   time.Duration // to the deadline; 0 is none
		want   string
	}{
		{"a remark", policy, providers.Notice{Kind: providers.Remark, Reason: "rebalance"}, time.Hour, no},
		{"advice", policy, providers.Notice{Kind: providers.Advice, Reason: "maintenance"}, time.Hour, no},
		{"advice that drains", policy, providers.Notice{Kind: providers.Advice, Reason: "rebalance"}, 0, finish},
		{"advice that drains, never finish", never, providers.Notice{Kind: providers.Advice, Reason: "rebalance"}, 0, drop},
		{"advice that drains soon", policy, providers.Notice{Kind: providers.Advice, Reason: "rebalance"}, time.Minute, drop},
		{"termination", policy, providers.Notice{Kind: providers.Termination}, 0, drop},
		{"termination soon", policy, providers.Notice{Kind: providers.Termination}, 5*time.Minute - 1, drop},
		{"termination later", policy, providers.Notice{Kind: providers.Termination}, 5 * time.Minute, finish},
		{"termination that has been", policy, providers.Notice{Kind: providers.Termination}, -time.Minute, drop},
		{"termination later, never finish", never, providers.Notice{Kind: providers.Termination}, time.Hour, drop},
	} {
		n := c.notice
		if c.left != 0 {
			n.Deadline = now.Add(c.left)
		}
		o, drains := decide(c.config, n, now)
		got := no
		if drains {
			got = map[bool]string{true: finish, false: drop}[o.finish]
		}
		if got != c.want || (drains && !o.deadline.Equal(n.Deadline)) {
			t.Errorf("%s: %s by %v, want %s", c.name, got, o.deadline, c.want)
		}
	}
}

// place gives notices and errors, and hears acknowledgements.
type place struct {
	providers.Provider
	says  chan any // a Notice or an error
	acked []string
	err   error
}

func (p *place) Watch(ctx context.Context) (providers.Notice, error) {
	select {
	case say := <-p.says:
		if err, ok := say.(error); ok {
			return providers.Notice{}, err
		}
		return say.(providers.Notice), nil
	case <-ctx.Done():
		return providers.Notice{}, ctx.Err()
	}
}

func (p *place) Acknowledge(ctx context.Context, n providers.Notice) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.acked = append(p.acked, n.ID)
	return p.err
}

// watching is a desk whose place is watched, with a quiet worker, until the test ends.
func watching(t *testing.T) (*desk, *place, *quiet, *notices) {
	t.Helper()
	d, p, q, h := newDesk(t, true), &place{says: make(chan any)}, newQuiet(), &notices{}
	if _, ok := d.tell.begin(); !ok {
		t.Fatal("no worker may be started")
	}
	q.hello(t, both)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.tell.attend(ctx, q, 0) })
	wg.Go(func() { d.watch(ctx, p, h) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return d, p, q, h
}

// TestEachNoticeOnce: a place may repeat itself; only news counts.
func TestEachNoticeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p, q, h := watching(t)
		d.config.Notices.FinishTasksIfLeft = 5 * time.Minute
		begin := time.Now()
		far := providers.Notice{Kind: providers.Termination, ID: "e-1", Reason: "Reboot", Deadline: begin.Add(90 * time.Minute).UTC()}
		near := providers.Notice{Kind: providers.Termination, ID: "e-2", Reason: "Preempt", Deadline: begin.Add(time.Minute).UTC()}
		moved := far
		moved.Deadline = begin.Add(70 * time.Minute).UTC()
		for _, n := range []providers.Notice{
			{Kind: providers.Remark, ID: "e-0", Reason: "Freeze"}, far, far, moved, moved, near, far, near,
		} {
			p.says <- n
			synctest.Wait() // what follows does so at once
		}
		if got := orders(q); got != "true@1 true@1 false@0" {
			t.Errorf("the worker heard %s", q.heard.String())
		}
		s := d.board.status()
		if len(s.Notices) != 4 || s.Notices[0].Drains || !s.Notices[3].Drains || s.State != control.Draining {
			t.Errorf("%+v", s)
		}
		if n := strings.Count(d.logged(), "notice about this machine"); n != 4 {
			t.Errorf("said %d times", n)
		}
		d.acknowledge(t.Context(), p, h)
		if got := strings.Join(p.acked, " "); got != "e-1 e-1 e-2" {
			t.Errorf("acknowledged %s", got)
		}
	})
}

// TestAPlaceThatCannotBeWatched is watched again, after growing waits.
func TestAPlaceThatCannotBeWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p, q, _ := watching(t)
		begin := time.Now()
		for range 10 {
			p.says <- errors.New("no answer")
		}
		p.says <- providers.Notice{Kind: providers.Termination}
		synctest.Wait()
		// three quarters of 1 + 2 + 4 + 8 + 16 + 32 + 4 * 60 seconds
		if took, want := time.Since(begin), 303*time.Second*3/4; took != want {
			t.Errorf("after %v, want %v", took, want)
		}
		if orders(q) != "false" || strings.Count(d.logged(), "are not heard; trying again") != 10 {
			t.Errorf("heard %s\n%s", q.heard.String(), d.logged())
		}
		begin = time.Now()
		p.says <- errors.New("no answer")
		p.says <- providers.Notice{Kind: providers.Remark}
		if took := time.Since(begin); took != 750*time.Millisecond {
			t.Errorf("after a notice: %v", took)
		}
	})
}

func TestAcknowledgements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := newDesk(t, true), &place{err: errors.New("no")}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // as after a signal
		d.acknowledge(ctx, p, &notices{drained: []providers.Notice{{ID: "e-1"}}})
		if len(p.acked) != 1 || !strings.Contains(d.logged(), "was not acknowledged") {
			t.Errorf("acknowledged %v\n%s", p.acked, d.logged())
		}
		if err := os.WriteFile(d.config.HoldFile, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		d.acknowledge(ctx, p, &notices{drained: []providers.Notice{{ID: "e-2"}}})
		if len(p.acked) != 1 {
			t.Errorf("acknowledged %v although the hold file is there", p.acked)
		}
		d.acknowledge(ctx, watched{}, &notices{drained: []providers.Notice{{ID: "e-1"}}}) // cannot, and need not
	})
}

// watched is a place that takes no acknowledgements.
type watched struct{ providers.Provider }
