// Package environment sets the variables of a task's commands: those of the payload, and above
// them those that tell a task who and where it is.
package environment

import (
	"context"
	"maps"
	"slices"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Plugin is the feature.
type Plugin struct{ always map[string]string }

// Config is what tasks are told of the worker; empty values are left out.
type Config struct {
	RootURL      string
	Location     string // a JSON object
	InstanceType string
}

// New makes the feature.
func New(c Config) *Plugin {
	always := map[string]string{"TASKCLUSTER_ROOT_URL": c.RootURL}
	if c.Location != "" {
		always["TASKCLUSTER_WORKER_LOCATION"] = c.Location
	}
	if c.InstanceType != "" {
		always["TASKCLUSTER_INSTANCE_TYPE"] = c.InstanceType
	}
	return &Plugin{always}
}

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "environment" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Properties: map[string]any{"env": map[string]any{
		"title": "Environment variables", "type": "object", "default": map[string]any{},
		"description":          "Environment variables of the commands. Those that the worker sets, such as TASK_ID, win.",
		"additionalProperties": map[string]any{"type": "string"},
	}}}
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	var own struct {
		Env map[string]string `json:"env"`
	}
	if err := run.Decode(&own); err != nil {
		return nil, err
	}
	return &hooks{p, run, own.Env}, nil
}

type hooks struct {
	plugin *Plugin
	run    *task.Run
	own    map[string]string
}

// Build implements plugins.Builder.
func (h *hooks) Build(_ context.Context, b engines.Builder) error {
	for _, set := range []map[string]string{h.own, h.plugin.always, h.run.Identity()} {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			if err := b.Setenv(name, set[name]); err != nil {
				return err //nolint:wrapcheck // says what is wrong
			}
		}
	}
	return nil
}

var _ plugins.Builder = (*hooks)(nil)
