package multiuser

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
)

// TestSettle: what the login manager may have written over is set again, and not before it has done so.
func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, named := time.Now(), ""
		d := &Desktop{Settle: 15 * time.Second, next: accounts.Account{Name: "task_2"}}
		d.AutoLogin = func(_ context.Context, next accounts.Account) error { named = next.Name; return nil }
		if err := d.settle(t.Context()); err != nil || named != "" {
			t.Errorf("nobody was logged in: %q, %v", named, err)
		}
		d.arrival = began
		time.Sleep(5 * time.Second)
		if err := d.settle(t.Context()); err != nil || named != "task_2" || time.Since(began) != d.Settle {
			t.Errorf("%q after %s, %v", named, time.Since(began), err)
		}
		named = ""
		time.Sleep(time.Hour)
		before := time.Now()
		if err := d.settle(t.Context()); err != nil || named != "task_2" || time.Since(before) != 0 {
			t.Errorf("after a long task: %q after %s, %v", named, time.Since(before), err)
		}
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errTold)
		d.arrival, named = time.Now(), ""
		if err := d.settle(ended); !errors.Is(err, errTold) || named != "" {
			t.Errorf("with a context that has ended: %q, %v", named, err)
		}
		d.Settle = 0
		if err := d.settle(t.Context()); err != nil || named != "" {
			t.Errorf("without: %q, %v", named, err)
		}
		d = nil
		if err := d.settle(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
