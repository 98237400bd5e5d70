package environment

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
)

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(*testing.T, *plugintest.Store) plugins.Plugin { return New(Config{RootURL: "https://tc.example"}) },
		Payload: `{"env": {"A": "b"}}`,
	})
}

// builder keeps what is set.
type builder struct {
	engines.Builder
	env  map[string]string
	fail error
}

func (b *builder) Setenv(name, value string) error {
	b.env[name] = value
	return b.fail
}

func TestVariables(t *testing.T) {
	full := Config{RootURL: "https://tc.example", Location: `{"cloud":"x"}`, InstanceType: "large"}
	for name, test := range map[string]struct {
		config  Config
		payload string
		want    map[string]string // beyond those of every task
	}{
		"nothing of its own":     {Config{RootURL: "https://tc.example"}, `{}`, nil},
		"where the worker is":    {full, `{}`, map[string]string{"TASKCLUSTER_WORKER_LOCATION": `{"cloud":"x"}`, "TASKCLUSTER_INSTANCE_TYPE": "large"}},
		"the payload's":          {Config{RootURL: "https://tc.example"}, `{"env": {"A": "b", "EMPTY": ""}}`, map[string]string{"A": "b", "EMPTY": ""}},
		"the worker's win":       {full, `{"env": {"TASK_ID": "x", "RUN_ID": "7", "TASK_WORKDIR": "/", "TASKCLUSTER_ROOT_URL": "x", "TASKCLUSTER_INSTANCE_TYPE": "x"}}`, map[string]string{"TASKCLUSTER_WORKER_LOCATION": `{"cloud":"x"}`, "TASKCLUSTER_INSTANCE_TYPE": "large"}},
		"what the worker leaves": {Config{RootURL: "https://tc.example"}, `{"env": {"TASKCLUSTER_INSTANCE_TYPE": "x"}}`, map[string]string{"TASKCLUSTER_INSTANCE_TYPE": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			run := plugintest.NewRun(t, test.payload)
			run.Definition.TaskGroupID = "group"
			b := build(t, New(test.config), run, nil)
			want := map[string]string{
				"TASKCLUSTER_ROOT_URL": "https://tc.example", "TASK_ID": run.TaskID, "RUN_ID": "0",
				"TASK_GROUP_ID": "group", "TASK_WORKDIR": run.Dir,
			}
			maps.Copy(want, test.want)
			if !maps.Equal(b.env, want) {
				t.Errorf("set %v, want %v", b.env, want)
			}
		})
	}
}

func build(t *testing.T, p *Plugin, run *plugintest.Run, fail error) *builder {
	t.Helper()
	h, err := p.New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{env: map[string]string{}, fail: fail}
	if err := h.(plugins.Builder).Build(context.Background(), b); !errors.Is(err, fail) {
		t.Errorf("Build returned %v, want %v", err, fail)
	}
	return b
}

func TestWhatTheEngineRefuses(t *testing.T) {
	build(t, New(Config{}), plugintest.NewRun(t, `{"env": {"A=B": "x"}}`), errors.New("cannot be set"))
}
