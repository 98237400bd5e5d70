package maxruntime

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(*testing.T, *plugintest.Store) plugins.Plugin { return New(time.Hour) },
		Payload: `{"maxRunTime": 60}`,
	})
}

func TestTooLong(t *testing.T) {
	for name, test := range map[string]struct {
		payload   string
		malformed bool
	}{
		"within":       {`{"maxRunTime": 60}`, false},
		"the most":     {`{"maxRunTime": 3600}`, false},
		"as a float":   {`{"maxRunTime": 1e3}`, false},
		"more":         {`{"maxRunTime": 3601}`, true},
		"far too much": {`{"maxRunTime": 1e300}`, true},
	} {
		_, err := New(time.Hour).New(plugintest.NewRun(t, test.payload).Run)
		if got := task.Resolve(err) == task.MalformedPayload; got != test.malformed {
			t.Errorf("%s: %v, want malformed: %v", name, err, test.malformed)
		}
	}
}

func TestAbort(t *testing.T) {
	for name, test := range map[string]struct {
		lasts time.Duration
		abort bool
	}{
		"in time":  {59*time.Second + 999*time.Millisecond, false},
		"too long": {60*time.Second + time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			run := plugintest.NewRun(t, `{"maxRunTime": 60}`)
			synctest.Test(t, func(t *testing.T) {
				ctx, abort := context.WithCancelCause(t.Context())
				run.Abort = abort
				made, err := New(time.Hour).New(run.Run)
				if err != nil {
					t.Fatal(err)
				}
				h := made.(*hooks)
				time.Sleep(time.Hour) // preparations do not count
				if err := h.Started(ctx, nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.lasts)
				if err := h.Stopped(ctx, nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour) // neither do uploads
				synctest.Wait()
				cause := context.Cause(ctx)
				if (cause != nil) != test.abort || test.abort && (task.Resolve(cause) != task.Failed || cause.Error() != "task aborted - max run time exceeded") {
					t.Errorf("cause %v, want an abort: %v", cause, test.abort)
				}
			})
		})
	}
}
