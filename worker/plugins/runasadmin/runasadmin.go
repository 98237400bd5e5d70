// Package runasadmin runs the commands of a trusted task with all the rights that its user has as an
// administrator of the machine, on Windows.
package runasadmin

import (
	"context"
	"fmt"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

const feature = "runAsAdministrator"

// Config is what the feature needs.
type Config struct {
	Disabled bool // by enableRunAsAdministrator: false
	Capacity int
	Pool     string
	Expander task.Expander
}

// Plugin is the feature.
type Plugin struct{ config Config }

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{c} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "runasadmin" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Features: map[string]payload.Feature{feature: {
		Description: "Run the commands with all rights of an administrator, where user account control (UAC) would keep them back. " +
			"The task's user must be one, by osGroups: [\"Administrators\"]. " +
			"It needs the scope generic-worker:run-as-administrator:<provisionerId>/<workerType>, and cannot be had with chainOfTrust.",
	}}}
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	switch c := p.config; {
	case !run.Feature(feature, false):
		return nil, nil
	case c.Disabled:
		return nil, task.Malformed("features.%s: it is disabled on workers of the pool %s; leave it out of the payload, or have the task run by another pool", feature, c.Pool)
	case c.Capacity > 1:
		return nil, task.Malformed("features.%s: workers of the pool %s run up to %d tasks at once, and an administrator could read and change the others; "+
			"have it run by a pool whose workers have the capacity 1", feature, c.Pool, c.Capacity)
	case run.Certified():
		return nil, task.Malformed("features.%s: an administrator could read the key that certifies the task: leave either this or chainOfTrust out of the payload", feature)
	default:
		return &hooks{c, run}, nil
	}
}

// hooks is one run that asks for it.
type hooks struct {
	config Config
	run    *task.Run
}

// Prepare implements plugins.Preparer.
func (h *hooks) Prepare(ctx context.Context) error {
	scope := []string{"generic-worker:run-as-administrator:" + h.config.Pool}
	return h.run.Require(ctx, h.config.Expander, "features."+feature, scope) //nolint:wrapcheck // a *task.Error
}

// Build implements plugins.Builder. The worker's own user has all rights as it is.
func (h *hooks) Build(ctx context.Context, b engines.Builder) error {
	if h.run.Feature("runTaskAsCurrentUser", false) {
		h.run.Log.Warn("features.%s is ignored, as the task does not run as a user of its own", feature)
		return nil
	}
	elevator, ok := b.(engines.Elevator)
	if !ok {
		return fmt.Errorf("features.%s: %w", feature, engines.ErrNotSupported)
	}
	return elevator.Elevate(ctx) //nolint:wrapcheck // says what is wrong
}

var (
	_ plugins.Preparer = (*hooks)(nil)
	_ plugins.Builder  = (*hooks)(nil)
)
