package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// lacks has whole runs ask for each ability. Those that the engine has not make the task
// malformed, with a message that names the engine and what it lacks; the others do no harm.
func lacks(t *testing.T, c Case) {
	for _, name := range []string{"volumes", "proxies", "services", "groups", "promotion", "probes", "shells"} {
		t.Run(name, func(t *testing.T) {
			engine := c.New(t)
			asks := &asker{ability: name}
			o := whole(t, engine, c.payload(t, Act{}), asks)
			if asks.found {
				if o.Resolution != task.Completed {
					t.Errorf("resolved %s: %v", o.Resolution, o.Err)
				}
				return
			}
			if o.Resolution != task.MalformedPayload || !strings.Contains(o.Err.Error(), engine.Name()) || !strings.Contains(o.Err.Error(), name) {
				t.Errorf("resolved %s: %v; want %s, the engine's name and %q", o.Resolution, o.Err, task.MalformedPayload, name)
			}
		})
	}
}

// whole takes a run with one plugin from its claim to its resolution.
func whole(t *testing.T, engine engines.Engine, text string, p plugins.Plugin) taskrun.Outcome {
	t.Helper()
	schema, err := payload.Merge(map[string]payload.Fragment{"engine": engine.Payload()})
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := schema.Validate(json.RawMessage(text)); err != nil || len(problems) > 0 {
		t.Fatalf("the payload %s is not valid: %q, %v", text, problems, err)
	}
	runner := taskrun.New(taskrun.Deps{
		Client:  tc.New("http://queue.invalid", &http.Client{Transport: agrees{}}, retry.Policy{Total: time.Minute}),
		Kinds:   taskrun.Native(engine, schema),
		Plugins: []plugins.Plugin{p},
		Logger:  slog.New(slog.DiscardHandler), Now: time.Now, TasksDir: open(t),
		Header: "header", Grace: time.Second, CleanUp: true, Started: func(string, int64) {},
	}, tc.Claim{
		TaskID: "UOq9JeqHT3KyoEmN6J_Row", TakenUntil: time.Now().Add(20 * time.Minute),
		Credentials: tc.Credentials{ClientID: "task", AccessToken: secret.New("hidden")},
		Task:        json.RawMessage(`{"payload": ` + text + `}`),
	}, 0)
	o := runner.Run(t.Context())
	runner.Clean(t.Context())
	return o
}

// agrees is a queue that agrees to everything.
type agrees struct{}

func (agrees) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{"Content-Type": {"application/json"}}, Request: r}, nil
}

// asker is a plugin that needs an ability, as a plugin is to ask for it.
type asker struct {
	ability string
	found   bool
}

func (*asker) Name() string                           { return "asker" }
func (*asker) Payload() payload.Fragment              { return payload.Fragment{} }
func (a *asker) New(*task.Run) (plugins.Hooks, error) { return a, nil }
func (a *asker) need(found bool, of string) error {
	if of != a.ability {
		return nil
	}
	if a.found = found; !found {
		return fmt.Errorf("%s: %w", a.ability, engines.ErrNotSupported)
	}
	return nil
}

func (a *asker) Build(_ context.Context, b engines.Builder) error {
	switch a.ability {
	case "volumes":
		_, ok := b.(engines.Mounter)
		return a.need(ok, "volumes")
	case "proxies":
		_, ok := b.(engines.Proxier)
		return a.need(ok, "proxies")
	case "services":
		_, ok := b.(engines.Servicer)
		return a.need(ok, "services")
	case "groups":
		_, ok := b.(engines.Grouper)
		return a.need(ok, "groups")
	case "promotion":
		_, ok := b.(engines.Promoter)
		return a.need(ok, "promotion")
	case "probes":
		_, ok := b.(engines.Prober)
		return a.need(ok, "probes")
	}
	return nil
}

func (a *asker) Started(_ context.Context, s engines.Sandbox) error {
	_, ok := s.(engines.Sheller)
	return a.need(ok, "shells")
}
