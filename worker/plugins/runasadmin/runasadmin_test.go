package runasadmin_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/plugins/runasadmin"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	pool  = "provisioner/pool"
	scope = "generic-worker:run-as-administrator:provisioner/pool"
	asked = `{"features": {"runAsAdministrator": true}}`
)

// scoped gives the run of each test the scope: plugintest's have none.
type scoped struct{ plugins.Plugin }

func (s scoped) New(run *task.Run) (plugins.Hooks, error) {
	run.Definition.Scopes = []string{scope}
	return s.Plugin.New(run)
}

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New: func(*testing.T, *plugintest.Store) plugins.Plugin {
			return scoped{runasadmin.New(runasadmin.Config{Capacity: 1, Pool: pool})}
		},
		Payload: asked,
	})
}

// builder elevates.
type builder struct {
	engines.Builder
	elevated bool
	fail     error
}

func (b *builder) Elevate(context.Context) error {
	b.elevated = true
	return b.fail
}

func TestElevation(t *testing.T) {
	for name, test := range map[string]struct {
		payload  string
		config   runasadmin.Config
		scopes   []string
		fail     error
		elevated bool
		want     task.Resolution
		says     string
	}{
		"asked for":               {payload: asked, scopes: []string{scope}, elevated: true, want: task.Completed},
		"not asked for":           {payload: `{}`, config: runasadmin.Config{Disabled: true, Capacity: 2}, want: task.Completed},
		"disabled":                {payload: asked, config: runasadmin.Config{Disabled: true}, scopes: []string{scope}, want: task.MalformedPayload, says: "disabled on workers of the pool provisioner/pool"},
		"several tasks at a time": {payload: asked, config: runasadmin.Config{Capacity: 2}, scopes: []string{scope}, want: task.MalformedPayload, says: "run up to 2 tasks at once"},
		"certified":               {payload: `{"features": {"runAsAdministrator": true, "chainOfTrust": true}}`, scopes: []string{scope}, want: task.MalformedPayload, says: "chainOfTrust"},
		"as the worker's user":    {payload: `{"features": {"runAsAdministrator": true, "runTaskAsCurrentUser": true}}`, scopes: []string{scope}, want: task.Completed},
		"without the scope":       {payload: asked, scopes: []string{scope + "2"}, want: task.MalformedPayload, says: "needs the scopes " + scope},
		"no administrator":        {payload: asked, scopes: []string{scope}, fail: task.Malformed("no administrator"), elevated: true, want: task.MalformedPayload, says: "no administrator"},
		"the engine fails":        {payload: asked, scopes: []string{scope}, fail: errors.New("no token"), elevated: true, want: task.InternalError, says: "no token"},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Pool = pool
			run := plugintest.NewRun(t, test.payload)
			run.Definition.Scopes = test.scopes
			b := &builder{fail: test.fail}
			err := plugintest.Begin(t.Context(), runasadmin.New(test.config), run, b)
			if task.Resolve(err) != test.want || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
			if b.elevated != test.elevated {
				t.Errorf("elevated %v", b.elevated)
			}
		})
	}
}

func TestEngineWithoutUsers(t *testing.T) {
	run := plugintest.NewRun(t, asked)
	run.Definition.Scopes = []string{scope}
	var without struct{ engines.Builder }
	if err := plugintest.Begin(t.Context(), runasadmin.New(runasadmin.Config{Pool: pool}), run, without); !errors.Is(err, engines.ErrNotSupported) {
		t.Error(err)
	}
}
