package plugintest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// patience is how long anything may take before the test fails.
const patience = 30 * time.Second

// inWorker takes the plugin through whole runs, as a worker does, between two others.
func inWorker(t *testing.T, c Case) {
	queue := NewQueue(t)
	plugin := c.New(t, queue.Store) // serves them all
	for _, trouble := range troubles() {
		for _, problem := range c.whole(t, plugin, trouble, queue) {
			t.Errorf("%s at %q: %s", trouble.how, trouble.at, problem)
		}
	}
}

// whole takes the plugin through one run, and tells what is wrong about that: whatever happens
// at whatever moment, the run ends as that says, and not as something that the plugin made of it.
func (c Case) whole(t *testing.T, plugin plugins.Plugin, trouble *trouble, queue *Queue) (problems []string) {
	t.Helper()
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	wire, log := &wire{queue: queue}, &Text{}
	out := trouble.take(t, c.runner(t, plugin, trouble, wire, log))
	if want := trouble.want(); out.Resolution != want {
		wrong("resolved %q (%v), want %q", out.Resolution, out.Err, want)
	}
	if n := len(wire.reported); n > 1 || (n == 1) != (out.Resolution != "") {
		wrong("reported %q", wire.reported)
	}
	text := log.String()
	for _, bad := range []string{Signature, " in=" + plugin.Name() + " ", " plugin=" + plugin.Name() + " "} { // a panic, a failed clean-up
		if strings.Contains(text, bad) {
			wrong("the worker's log says\n%s", text)
		}
	}
	return problems
}

// runner makes a run of the plugin and its neighbours.
func (c Case) runner(t *testing.T, plugin plugins.Plugin, trouble *trouble, queue http.RoundTripper, log *Text) *taskrun.Runner {
	t.Helper()
	e := &engine{at: trouble.note, stay: trouble.how == "abort" || trouble.how == "give up"}
	if e.stay = e.stay && !trouble.late(); c.Files != nil {
		e.leave = func(dir string) { c.Files(t, dir) }
	}
	schema, err := payload.Merge(map[string]payload.Fragment{"plugin": plugin.Payload(), "the rest": rest(t, plugin.Payload(), c.Payload)})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	definition, err := json.Marshal(map[string]any{
		"taskQueueId": "provisioner/pool", "created": now, "deadline": now.Add(time.Hour), "expires": now.Add(24 * time.Hour),
		"payload": json.RawMessage(c.Payload),
	})
	if err != nil {
		t.Fatal(err)
	}
	return taskrun.New(taskrun.Deps{
		Client:  tc.New("http://queue.invalid", &http.Client{Transport: queue}, retry.Policy{Total: time.Minute}),
		Kinds:   taskrun.Native(e, schema),
		Plugins: []plugins.Plugin{neighbour{trouble, "before"}, plugin, neighbour{trouble, "after"}},
		Logger:  slog.New(slog.NewTextHandler(log, nil)), Now: time.Now,
		TasksDir: t.TempDir(), Header: "header", CleanUp: true, Started: func(string, int64) {},
	}, tc.Claim{
		TaskID: "UOq9JeqHT3KyoEmN6J_Row", TakenUntil: now.Add(20 * time.Minute), Task: definition,
		Credentials: tc.Credentials{ClientID: "task", AccessToken: secret.New("hidden")},
	}, 0)
}

// take runs a run to its end, unless that does not come.
func (t *trouble) take(tb testing.TB, r *taskrun.Runner) (out taskrun.Outcome) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	t.abort, t.giveUp = r.Abort, cancel
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		out = r.Run(ctx)
		r.Clean(context.WithoutCancel(ctx))
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		tb.Fatalf("%s at %s: the run does not end", t.how, t.at)
	}
	return out
}

// rest lets a payload have what is not the plugin's.
func rest(t *testing.T, own payload.Fragment, document string) payload.Fragment {
	t.Helper()
	var all map[string]json.RawMessage
	var switches struct{ Features map[string]bool }
	if err := json.Unmarshal([]byte(document), &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(document), &switches); err != nil {
		t.Fatal(err)
	}
	f := payload.Fragment{Properties: map[string]any{}, Features: map[string]payload.Feature{}}
	for name := range all {
		if _, ok := own.Properties[name]; !ok && name != "features" {
			f.Properties[name] = map[string]any{}
		}
	}
	for name := range switches.Features {
		if _, ok := own.Features[name]; !ok {
			f.Features[name] = payload.Feature{Description: "Another's."}
		}
	}
	return f
}
