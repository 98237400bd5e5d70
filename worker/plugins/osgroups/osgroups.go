// Package osgroups makes the commands of a task members of groups of the operating system.
package osgroups

import (
	"context"
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Config is what the feature needs.
type Config struct {
	Disabled bool // by enableOSGroups: false
	Pool     string
	Expander task.Expander
}

// Plugin is the feature.
type Plugin struct{ config Config }

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{c} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "osgroups" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Properties: map[string]any{"osGroups": map[string]any{
		"title": "OS Groups", "type": "array", "uniqueItems": true, "items": map[string]any{"type": "string"},
		"description": "Groups of the operating system that the task's user is a member of while the task runs. " +
			"Each needs the scope generic-worker:os-group:<provisionerId>/<workerType>/<group>.",
	}}}
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	var own struct {
		Groups []string `json:"osGroups"`
	}
	if err := run.Decode(&own); err != nil {
		return nil, err
	}
	if len(own.Groups) == 0 {
		return nil, nil
	}
	if p.config.Disabled {
		return nil, task.Malformed("payload.osGroups: OS groups are disabled on workers of the pool %s; leave osGroups out of the payload, or have the task run by another pool", p.config.Pool)
	}
	return &hooks{p.config, run, own.Groups}, nil
}

// hooks is what one run asks for.
type hooks struct {
	config Config
	run    *task.Run
	groups []string
}

// Prepare implements plugins.Preparer.
func (h *hooks) Prepare(ctx context.Context) error {
	scopes := make([]string, len(h.groups))
	for i, group := range h.groups {
		scopes[i] = "generic-worker:os-group:" + h.config.Pool + "/" + group
	}
	return h.run.Require(ctx, h.config.Expander, "payload.osGroups", scopes) //nolint:wrapcheck // a *task.Error
}

// Build implements plugins.Builder. The worker's own user is not made a member of anything.
func (h *hooks) Build(ctx context.Context, b engines.Builder) error {
	if h.run.Feature("runTaskAsCurrentUser", false) {
		h.run.Log.Warn("payload.osGroups is ignored, as the task does not run as a user of its own: %s", strings.Join(h.groups, ", "))
		return nil
	}
	grouper, ok := b.(engines.Grouper)
	if !ok {
		return fmt.Errorf("payload.osGroups: %w", engines.ErrNotSupported)
	}
	return grouper.Join(ctx, h.groups) //nolint:wrapcheck // says what is wrong
}

var (
	_ plugins.Preparer = (*hooks)(nil)
	_ plugins.Builder  = (*hooks)(nil)
)
