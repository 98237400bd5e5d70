package multiuser

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
)

// maker makes accounts that are numbers, each in a second.
type maker struct {
	made  atomic.Int64
	fails func(n int64) bool // nil is never
}

var errTold = errors.New("told to")

func (m *maker) create(context.Context) (accounts.Account, error) {
	time.Sleep(time.Second)
	n := m.made.Add(1)
	if m.fails != nil && m.fails(n) {
		return accounts.Account{}, errTold
	}
	return accounts.Account{Name: strconv.FormatInt(n, 10)}, nil
}

func TestAccountsAreReadyBeforeTheyAreNeeded(t *testing.T) {
	for slots := range 5 {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancelCause(t.Context())
			m := &maker{}
			p := fill(ctx, slots, m.create)
			time.Sleep(time.Minute)
			if n := m.made.Load(); n != int64(slots+1) {
				t.Errorf("%d accounts are ready, want %d", n, slots+1)
			}
			begin := time.Now()
			for range slots + 1 {
				if _, err := p.take(ctx); err != nil {
					t.Error(err)
				}
			}
			if took := time.Since(begin); took > 0 {
				t.Errorf("took %s", took)
			}
			if _, err := p.take(ctx); err != nil || time.Since(begin) != time.Second {
				t.Errorf("another one: %v after %s", err, time.Since(begin))
			}
			time.Sleep(time.Minute)
			stop(ErrClosed)
			if left := p.drain(); len(left) != slots+1 {
				t.Errorf("left %v, want %d", left, slots+1)
			}
			if _, err := p.take(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

// An old error is no reason to fail; what goes on failing is said at once, and not tried in vain.
func TestAccountsThatCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		m := &maker{fails: func(n int64) bool { return n == 1 || n > 3 }}
		p := fill(ctx, 0, m.create)
		time.Sleep(time.Hour)
		if n := m.made.Load(); n != 1 {
			t.Errorf("tried %d times", n)
		}
		if a, err := p.take(ctx); err != nil || a.Name != "2" {
			t.Errorf("%v, %v", a, err)
		}
		if _, err := p.take(ctx); err != nil {
			t.Error(err)
		}
		if _, err := p.take(ctx); !errors.Is(err, errTold) {
			t.Errorf("%v, want what the system says", err)
		}
		waiting, cancel := context.WithTimeoutCause(ctx, time.Millisecond, errors.New("no time"))
		defer cancel()
		time.Sleep(time.Hour)
		if _, err := p.take(waiting); err == nil {
			t.Error("an account came from nowhere")
		}
		stop(ErrClosed)
		p.drain()
	})
}
