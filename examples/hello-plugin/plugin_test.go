package errorlines_test

import (
	"io"
	"strings"
	"testing"

	errorlines "github.com/workerkit/workerkit/examples/hello-plugin"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
)

const on = `{"features": {"countErrors": true}}`

func TestContract(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(*testing.T, *plugintest.Store) plugins.Plugin { return errorlines.New() },
		Payload: on,
	})
}

func TestCount(t *testing.T) {
	for name, c := range map[string]struct{ log, want string }{
		"nothing":        {"", "0"},
		"some":           {"ERROR: one\nfine\nanother Error, and an error\nterror\n", "3"},
		"no last end":    {"error", "1"},
		"one long line":  {strings.Repeat("x error ", 10000), "1"},
		"across a piece": {strings.Repeat("x", 4094) + "error\nerr\nor\n", "1"},
		"a piece twice":  {strings.Repeat("x", 4091) + "error" + strings.Repeat("x", 5000) + "\n", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			run := plugintest.NewRun(t, on)
			if _, err := io.WriteString(run.Log, c.log); err != nil {
				t.Fatal(err)
			}
			if err := run.Life(t.Context(), errorlines.New(), plugintest.Result{Dir: run.Dir}); err != nil {
				t.Fatal(err)
			}
			if log := run.TaskLog(t); !strings.HasSuffix(log, " Lines with an error: "+c.want+"\n") {
				t.Errorf("the log ends with %q, want %s", log[max(0, len(log)-60):], c.want)
			}
		})
	}
}

// Without commands nothing is said.
func TestNothingRan(t *testing.T) {
	run := plugintest.NewRun(t, on)
	if err := run.Life(t.Context(), errorlines.New(), nil); err != nil {
		t.Fatal(err)
	}
	if log := run.TaskLog(t); log != "" {
		t.Errorf("the log has %q", log)
	}
}
