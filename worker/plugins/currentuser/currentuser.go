// Package currentuser runs the commands of a trusted task as the worker's own user, which is the
// machine's administrator, in place of the user that was made for the task.
package currentuser

import (
	"context"
	"fmt"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

const feature = "runTaskAsCurrentUser"

// Config is what the feature needs.
type Config struct {
	Disabled bool // by enableRunTaskAsCurrentUser: false
	Capacity int
	Pool     string
	Expander task.Expander
}

// Plugin is the feature.
type Plugin struct{ config Config }

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{c} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "currentuser" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Features: map[string]payload.Feature{feature: {
		Description: "Run the commands as the worker's own user; TASK_USER_CREDENTIALS is then the path of a file with the name and the password of the task's user. " +
			"It needs the scope generic-worker:run-task-as-current-user:<provisionerId>/<workerType>.",
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
		return nil, task.Malformed("features.%s: workers of the pool %s run up to %d tasks at once, and a task that runs as the worker's user could read and change the others; "+
			"have it run by a pool whose workers have the capacity 1", feature, c.Pool, c.Capacity)
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
	scope := []string{"generic-worker:run-task-as-current-user:" + h.config.Pool}
	return h.run.Require(ctx, h.config.Expander, "features."+feature, scope) //nolint:wrapcheck // a *task.Error
}

// Build implements plugins.Builder.
func (h *hooks) Build(ctx context.Context, b engines.Builder) error {
	promoter, ok := b.(engines.Promoter)
	if !ok {
		return fmt.Errorf("features.%s: %w", feature, engines.ErrNotSupported)
	}
	credentials, err := promoter.Promote(ctx)
	if err != nil || credentials == "" {
		return err //nolint:wrapcheck // says what is wrong
	}
	return b.Setenv("TASK_USER_CREDENTIALS", credentials) //nolint:wrapcheck // says what is wrong
}

var (
	_ plugins.Preparer = (*hooks)(nil)
	_ plugins.Builder  = (*hooks)(nil)
)
