package osgroups_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/osgroups"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

const pool = "provisioner/pool"

// roles expands scopes: the role "video" has one, and for any other nobody answers.
type roles struct{}

func (roles) ExpandScopes(_ context.Context, scopes []string) ([]string, error) {
	if slices.Contains(scopes, "assume:video") {
		return append(scopes, "generic-worker:os-group:provisioner/pool/video"), nil
	}
	return nil, errors.New("no such role")
}

// scoped gives the run of each test the scopes: plugintest's have none.
type scoped struct{ plugins.Plugin }

func (s scoped) New(run *task.Run) (plugins.Hooks, error) {
	run.Definition.Scopes = []string{"generic-worker:os-group:*"}
	return s.Plugin.New(run)
}

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New: func(*testing.T, *plugintest.Store) plugins.Plugin {
			return scoped{osgroups.New(osgroups.Config{Pool: pool, Expander: roles{}})}
		},
		Payload: `{"osGroups": ["video"]}`,
	})
}

// builder notes the groups.
type builder struct {
	engines.Builder
	joined []string
	fail   error
}

func (b *builder) Join(_ context.Context, groups []string) error {
	b.joined = groups
	return b.fail
}

func TestGroups(t *testing.T) {
	const both = `{"osGroups": ["video", "docker"]}`
	unknown := task.Malformed("there is no group docker")
	for name, test := range map[string]struct {
		config   osgroups.Config
		payload  string
		scopes   []string
		fail     error
		joined   []string
		want     task.Resolution
		says     string
		inTheLog string
	}{
		"both":               {payload: both, scopes: []string{"generic-worker:os-group:provisioner/pool/*"}, joined: []string{"video", "docker"}, want: task.Completed},
		"none":               {payload: `{"osGroups": []}`, want: task.Completed},
		"not named":          {payload: `{}`, config: osgroups.Config{Disabled: true}, want: task.Completed},
		"none, and disabled": {payload: `{"osGroups": []}`, config: osgroups.Config{Disabled: true}, want: task.Completed},
		"disabled":           {payload: both, config: osgroups.Config{Disabled: true}, want: task.MalformedPayload, says: "disabled on workers of the pool provisioner/pool"},
		"one scope":          {payload: both, scopes: []string{"generic-worker:os-group:provisioner/pool/video"}, want: task.MalformedPayload, says: "generic-worker:os-group:provisioner/pool/docker"},
		"of another pool":    {payload: both, scopes: []string{"generic-worker:os-group:provisioner/other/*"}, want: task.MalformedPayload, says: "Add them to task.scopes"},
		"by a role":          {payload: `{"osGroups": ["video"]}`, scopes: []string{"assume:video"}, joined: []string{"video"}, want: task.Completed},
		"no such group":      {payload: both, scopes: []string{"*"}, fail: unknown, joined: []string{"video", "docker"}, want: task.MalformedPayload, says: "no group docker"},
		"ignored":            {payload: `{"osGroups": ["video"], "features": {"runTaskAsCurrentUser": true}}`, scopes: []string{"*"}, want: task.Completed, inTheLog: "osGroups is ignored"},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Pool, test.config.Expander = pool, roles{}
			run := plugintest.NewRun(t, test.payload)
			run.Definition.Scopes = test.scopes
			b := &builder{fail: test.fail}
			err := plugintest.Begin(t.Context(), osgroups.New(test.config), run, b)
			if task.Resolve(err) != test.want || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
			if !slices.Equal(b.joined, test.joined) {
				t.Errorf("joined %v", b.joined)
			}
			if log := run.TaskLog(t); !strings.Contains(log, test.inTheLog) || test.inTheLog == "" && log != "" {
				t.Errorf("log %s", log)
			}
		})
	}
}

func TestEngineWithoutGroups(t *testing.T) {
	run := plugintest.NewRun(t, `{"osGroups": ["video"]}`)
	run.Definition.Scopes = []string{"*"}
	var without struct{ engines.Builder }
	if err := plugintest.Begin(t.Context(), osgroups.New(osgroups.Config{Pool: pool}), run, without); !errors.Is(err, engines.ErrNotSupported) {
		t.Error(err)
	}
}
