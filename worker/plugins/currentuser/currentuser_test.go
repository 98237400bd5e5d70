package currentuser_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/currentuser"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	pool  = "provisioner/pool"
	scope = "generic-worker:run-task-as-current-user:provisioner/pool"
	asked = `{"features": {"runTaskAsCurrentUser": true}}`
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
			return scoped{currentuser.New(currentuser.Config{Capacity: 1, Pool: pool})}
		},
		Payload: asked,
	})
}

// builder promotes, and notes variables.
type builder struct {
	engines.Builder
	promoted    bool
	credentials string
	fail        error
	env         map[string]string
}

func (b *builder) Promote(context.Context) (string, error) {
	b.promoted = true
	return b.credentials, b.fail
}

func (b *builder) Setenv(name, value string) error {
	b.env[name] = value
	return nil
}

func TestPromotion(t *testing.T) {
	broken := errors.New("cannot write the credentials")
	for name, test := range map[string]struct {
		payload     string
		config      currentuser.Config
		scopes      []string
		credentials string
		fail        error
		promoted    bool
		want        task.Resolution
		says        string
	}{
		"asked for":               {payload: asked, scopes: []string{scope}, credentials: "/home/own/user.json", promoted: true, want: task.Completed},
		"where there is no user":  {payload: asked, scopes: []string{scope}, promoted: true, want: task.Completed},
		"not asked for":           {payload: `{}`, config: currentuser.Config{Disabled: true, Capacity: 2}, want: task.Completed},
		"off":                     {payload: `{"features": {"runTaskAsCurrentUser": false}}`, config: currentuser.Config{Capacity: 2}, want: task.Completed},
		"disabled":                {payload: asked, config: currentuser.Config{Disabled: true}, scopes: []string{scope}, want: task.MalformedPayload, says: "disabled on workers of the pool provisioner/pool"},
		"several tasks at a time": {payload: asked, config: currentuser.Config{Capacity: 2}, scopes: []string{scope}, want: task.MalformedPayload, says: "run up to 2 tasks at once"},
		"without the scope":       {payload: asked, scopes: []string{scope + "2"}, want: task.MalformedPayload, says: "needs the scopes " + scope},
		"the engine fails":        {payload: asked, scopes: []string{scope}, credentials: "x", fail: broken, promoted: true, want: task.InternalError, says: "cannot write"},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Pool = pool
			run := plugintest.NewRun(t, test.payload)
			run.Definition.Scopes = test.scopes
			b := &builder{credentials: test.credentials, fail: test.fail, env: map[string]string{}}
			err := plugintest.Begin(t.Context(), currentuser.New(test.config), run, b)
			if task.Resolve(err) != test.want || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
			path, set := b.env["TASK_USER_CREDENTIALS"]
			if b.promoted != test.promoted || set != (test.credentials != "" && test.fail == nil) || set && path != test.credentials {
				t.Errorf("promoted %v, %v", b.promoted, b.env)
			}
		})
	}
}

func TestEngineWithoutUsers(t *testing.T) {
	run := plugintest.NewRun(t, asked)
	run.Definition.Scopes = []string{scope}
	var without struct{ engines.Builder }
	if err := plugintest.Begin(t.Context(), currentuser.New(currentuser.Config{Pool: pool}), run, without); !errors.Is(err, engines.ErrNotSupported) {
		t.Error(err)
	}
}
