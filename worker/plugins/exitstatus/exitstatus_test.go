package exitstatus

import (
	"context"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(*testing.T, *plugintest.Store) plugins.Plugin { return New() },
		Payload: `{"onExitStatus": {"retry": [1, 2], "purgeCaches": [0]}}`,
	})
}

// result is commands that ended in a way.
type result struct {
	engines.Result
	status engines.Status
}

func (r result) Status() engines.Status { return r.status }

func TestResolutions(t *testing.T) {
	const retry = `{"onExitStatus": {"retry": [2, 255]}}`
	failed := func(code int) engines.Status { return engines.Status{ExitCode: code, Reason: "exit status"} }
	for name, test := range map[string]struct {
		payload string
		status  engines.Status
		want    task.Resolution
	}{
		"success":                   {retry, engines.Status{Success: true}, task.Completed},
		"failure":                   {`{}`, failed(1), task.Failed},
		"not a code of the list":    {retry, failed(3), task.Failed},
		"a code of the list":        {retry, failed(2), task.Intermittent},
		"the last code of the list": {retry, failed(255), task.Intermittent},
		"killed by a signal":        {retry, failed(engines.ExitSignalled), task.Failed},
		"not started":               {retry, failed(engines.ExitNotStarted), task.Failed},
		"aborted":                   {`{"onExitStatus": {"retry": [2]}}`, engines.Status{Aborted: true, ExitCode: 2}, task.Completed}, // the cause is another's
	} {
		t.Run(name, func(t *testing.T) {
			h, err := New().New(plugintest.NewRun(t, test.payload).Run)
			if err != nil {
				t.Fatal(err)
			}
			err = h.(plugins.Stopper).Stopped(context.Background(), result{status: test.status})
			if got := task.Resolve(err); got != test.want {
				t.Errorf("%s (%v), want %s", got, err, test.want)
			}
		})
	}
}
