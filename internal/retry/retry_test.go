package retry_test

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
)

var errDown = errors.New("down")

func TestSucceedsAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, notes := 0, 0
		p := retry.API()
		p.Notify = func(error, time.Duration) { notes++ }
		err := retry.Do(t.Context(), p, func(context.Context) error {
			if calls++; calls < 4 {
				return errDown
			}
			return nil
		})
		if err != nil || calls != 4 || notes != 3 {
			t.Fatalf("err %v, %d calls, %d notes", err, calls, notes)
		}
	})
}

func TestGivesUpAfterTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := retry.Do(t.Context(), retry.API(), func(context.Context) error { return errDown })
		if !errors.Is(err, errDown) {
			t.Fatalf("got %v", err)
		}
		if d := time.Since(start); d > 15*time.Minute || d < 13*time.Minute {
			t.Fatalf("gave up after %v", d)
		}
	})
}

func TestPermanentAndCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := retry.Do(t.Context(), retry.API(), func(context.Context) error { calls++; return retry.Permanent(errDown) })
		if err != errDown || calls != 1 { //nolint:errorlint // the very error comes back, unwrapped
			t.Fatalf("%v after %d calls", err, calls)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("drained")) })
		start := time.Now()
		err = retry.Do(ctx, retry.API(), func(context.Context) error { return errDown })
		if !errors.Is(err, errDown) || time.Since(start) > time.Second || err.Error() != "down\ndrained" {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

func TestSleepUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if !retry.SleepUntil(t.Context(), start.Add(150*time.Minute)) || time.Since(start) != 150*time.Minute {
			t.Errorf("slept for %v", time.Since(start))
		}
		if !retry.SleepUntil(t.Context(), start) {
			t.Error("a time that has passed is waited for")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if begin := time.Now(); retry.SleepUntil(ctx, begin.Add(time.Hour)) || time.Since(begin) != time.Second {
			t.Errorf("the end of ctx was noticed after %v", time.Since(begin))
		}
	})
}

// TestMachineSleeps: timers stand still while a machine sleeps, and the wall clock does not. What was due
// meanwhile is done within a minute.
func TestMachineSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, slept := time.Now(), atomic.Int64{}
		time.AfterFunc(90*time.Second, func() { slept.Store(int64(3 * time.Hour)) })
		wall := func() time.Time { return time.Now().Round(0).Add(time.Duration(slept.Load())) }
		if !retry.SleepUntilOn(t.Context(), start.Add(2*time.Hour), wall) || time.Since(start) != 2*time.Minute {
			t.Errorf("it took %v of the machine's time", time.Since(start))
		}
	})
}

func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, start := 0, time.Now()
		err := retry.Do(t.Context(), retry.Policy{Attempts: 3, Initial: time.Second}, func(context.Context) error { calls++; return errDown })
		if !errors.Is(err, errDown) || calls != 3 || time.Since(start) > 5*time.Second {
			t.Errorf("%v after %d calls in %v", err, calls, time.Since(start))
		}
	})
}

// TestNoNetworkYet: a machine that boots calls as soon as it has a network.
func TestNoNetworkYet(t *testing.T) {
	unreachable := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", retry.Unreachable)}
	unnamed := &net.OpError{Op: "dial", Err: &net.DNSError{UnwrapErr: retry.Refused, Name: "tc.example.com"}}
	for name, test := range map[string]struct {
		err  error
		soon bool
	}{
		"no way":             {unreachable, true},
		"no server of names": {unnamed, true},
		"another failure":    {errDown, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			up := time.Now().Add(9*time.Second + time.Millisecond)
			err := retry.Do(t.Context(), retry.API(), func(context.Context) error {
				if calls++; time.Now().Before(up) {
					return test.err
				}
				return nil
			})
			late := time.Since(up)
			if err != nil || test.soon && late > 50*time.Millisecond || test.soon != (calls > 100) {
				t.Errorf("%s: %v, called %v late, %d calls", name, err, late, calls)
			}
		})
	}
}

// TestNoNetworkAtAll: without a network for long the policy goes on as after any failure, and
// one attempt stays one.
func TestNoNetworkAtAll(t *testing.T) {
	unreachable := os.NewSyscallError("connect", retry.Unreachable)
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		fn := func(context.Context) error { calls++; return unreachable }
		if err := retry.Do(t.Context(), retry.Policy{Attempts: 1}, fn); !errors.Is(err, unreachable) || calls != 1 {
			t.Errorf("%v after %d calls", err, calls)
		}
		calls = 0
		final := func(context.Context) error { calls++; return retry.Permanent(unreachable) }
		if err := retry.Do(t.Context(), retry.API(), final); !errors.Is(err, unreachable) || calls != 1 {
			t.Errorf("%v after %d calls of what failed for good", err, calls)
		}
		began := time.Now()
		if err := retry.Do(t.Context(), retry.Policy{Total: time.Hour}, fn); !errors.Is(err, unreachable) {
			t.Error(err)
		}
		if took := time.Since(began); took < 30*time.Minute || took > 75*time.Minute {
			t.Errorf("gave up after %v", took)
		}
	})
}
