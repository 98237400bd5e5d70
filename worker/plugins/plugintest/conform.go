package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
)

// Case is a plugin to put through the cases that every plugin must pass.
type Case struct {
	// New makes the plugin for one test; it may register cleanups. The store is what the runs' queues sign URLs of.
	New func(t *testing.T, store *Store) plugins.Plugin
	// Payload switches the feature on. The commands leave the folder that Files fills, if set.
	Payload string
	Files   func(t *testing.T, dir string)
}

// Conform puts a plugin through the cases.
func Conform(t *testing.T, c Case) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Case)
	}{
		{"payload fragment", fragment},
		{"whole life", wholeLife},
		{"closed at once, and twice", closedAtOnce},
		{"stopped without having been prepared", unprepared},
		{"payload that was not valid", invalidPayload},
		{"not asked for", notAskedFor},
		{"aborted", aborted},
		{"in a worker, in all kinds of trouble", inWorker},
		{"many runs at the same time", many},
		{"no secret in logs and errors", secrets},
	} {
		t.Run(test.name, func(t *testing.T) {
			ignore := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
			test.run(t, c)
		})
	}
}

// begin makes a run and the plugin for it.
func (c Case) begin(t *testing.T, payload string) (*Run, plugins.Plugin, Result) {
	t.Helper()
	run := NewRun(t, payload)
	if c.Files != nil {
		c.Files(t, run.Dir)
	}
	return run, c.New(t, run.Queue.Store), Result{Dir: run.Dir}
}

func fragment(t *testing.T, c Case) {
	_, plugin, _ := c.begin(t, c.Payload)
	if plugin.Name() == "" || strings.ToLower(plugin.Name()) != plugin.Name() {
		t.Errorf("name %q", plugin.Name())
	}
	f := plugin.Payload()
	for _, name := range f.Required {
		if _, ok := f.Properties[name]; !ok {
			t.Errorf("%s is required and not described", name)
		}
	}
	for name, feature := range f.Features {
		if feature.Description == "" {
			t.Errorf("feature %s is not described", name)
		}
	}
	if err := accepts(f, c.Payload); err != nil {
		t.Errorf("the fragment does not take the case's payload: %v", err)
	}
}

// accepts checks a payload by the fragment's own properties.
func accepts(f payload.Fragment, document string) error {
	properties := map[string]any{} // not null
	maps.Copy(properties, f.Properties)
	text, err := json.Marshal(map[string]any{"properties": properties, "required": append([]string{}, f.Required...)})
	if err != nil {
		return err
	}
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	if err := compiler.AddResource("fragment.json", schema); err != nil {
		return err
	}
	compiled, err := compiler.Compile("fragment.json")
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

func wholeLife(t *testing.T, c Case) {
	run, plugin, result := c.begin(t, c.Payload)
	if err := run.Life(t.Context(), plugin, result); err != nil {
		t.Errorf("a good task failed: %v", err)
	}
}

func closedAtOnce(t *testing.T, c Case) {
	run, plugin, _ := c.begin(t, c.Payload)
	hooks, err := plugin.New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	if closer, ok := hooks.(plugins.Closer); ok {
		for range 2 {
			if err := closer.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// unprepared is a run that another feature failed before it was this one's turn.
func unprepared(t *testing.T, c Case) {
	run, plugin, _ := c.begin(t, c.Payload)
	hooks, err := plugin.New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	end(t, t.Context(), run, hooks)
}

// end calls the hooks that are called whatever has happened, without a result.
func end(t *testing.T, ctx context.Context, run *Run, hooks plugins.Hooks) {
	t.Helper()
	if h, ok := hooks.(plugins.Stopper); ok {
		if err := h.Stopped(ctx, nil); err != nil {
			t.Errorf("Stopped: %v", err)
		}
	}
	if _, err := run.Log.Close(); err != nil {
		t.Error(err)
	}
	if h, ok := hooks.(plugins.Finisher); ok {
		if err := h.Finish(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("Finish: %v", err)
		}
	}
	if h, ok := hooks.(plugins.Closer); ok {
		if err := h.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func invalidPayload(t *testing.T, c Case) {
	run, plugin, _ := c.begin(t, "")
	hooks, err := plugin.New(run.Run)
	if err != nil {
		t.Fatalf("New sees the defaults when the payload was not valid, and fails: %v", err)
	}
	end(t, t.Context(), run, hooks)
}

// notAskedFor is a payload without anything of the feature's but its switches, off.
func notAskedFor(t *testing.T, c Case) {
	run, plugin, result := c.begin(t, "{}")
	off := map[string]bool{}
	for name := range plugin.Payload().Features {
		off[name] = false
	}
	document, err := json.Marshal(map[string]any{"features": off})
	if err != nil {
		t.Fatal(err)
	}
	run.Payload = document
	if err := run.Life(t.Context(), plugin, result); err != nil {
		t.Error(err)
	}
	if calls := run.Queue.Calls(); len(calls) > 0 {
		t.Errorf("called the queue for a feature that is off: %v", calls)
	}
}

// aborted is a run whose contexts have ended: every hook returns, and Close frees everything.
func aborted(t *testing.T, c Case) {
	run, plugin, result := c.begin(t, c.Payload)
	run.Queue.Hold = make(chan struct{}) // never answers
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("claim lost")
	hooks, err := plugin.New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	if h, ok := hooks.(plugins.Preparer); ok {
		if err := h.Prepare(ctx); err != nil {
			t.Error(err)
		}
	}
	cancel(cause)
	if h, ok := hooks.(plugins.Stopper); ok {
		if err := h.Stopped(ctx, result); err != nil && !errors.Is(err, cause) {
			t.Errorf("Stopped returned %v, not what ended the context", err)
		}
	}
	end(t, ctx, run, hooks)
}

func many(t *testing.T, c Case) {
	run, plugin, result := c.begin(t, c.Payload)
	var wg sync.WaitGroup
	for range 4 {
		other := NewRun(t, c.Payload)
		other.Queue.Store = run.Queue.Store
		wg.Go(func() {
			if err := other.Life(t.Context(), plugin, result); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// secrets is a store that takes nothing: what is said about that holds no signed URL.
func secrets(t *testing.T, c Case) {
	run, plugin, result := c.begin(t, c.Payload)
	run.Queue.Store.Refuse()
	said := ""
	if err := run.Life(t.Context(), plugin, result); err != nil {
		said = err.Error()
	}
	said += run.TaskLog(t) + run.WorkerLog.String()
	if strings.Contains(said, Signature) {
		t.Errorf("a signed URL was shown:\n%s", said)
	}
}
