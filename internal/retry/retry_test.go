package retry_test

import (
	"context"
	"errors"
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

func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, start := 0, time.Now()
		err := retry.Do(t.Context(), retry.Policy{Attempts: 3, Initial: time.Second}, func(context.Context) error { calls++; return errDown })
		if !errors.Is(err, errDown) || calls != 3 || time.Since(start) > 5*time.Second {
			t.Errorf("%v after %d calls in %v", err, calls, time.Since(start))
		}
	})
}
