// Package interactive gives people shells beside a task's commands, in their browser, for as long as
// the commands run.
//
// Each run has an address of its own with a secret in it, which two artifacts lead to:
// private/generic-worker/shell.html to the page of the deployment's own site, and
// private/generic-worker/terminal.html to a page that the worker serves. Every websocket that is
// opened there is a new shell. The secret is in no log.
//
// A message to the worker begins with a byte: 1, and the rest is the shell's input; 2, and the rest
// are the terminal's rows and columns, two little-endian bytes each. Messages to the browser are the
// shell's output as it is.
package interactive

import (
	"time"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Config is what the feature needs.
type Config struct {
	Disabled bool // by enableInteractive: false
	RootURL  string
	// Exposer makes the shells of the run that has this slot reachable.
	Exposer func(slot int) expose.Exposer
	Now     func() time.Time
}

// Plugin is the feature.
type Plugin struct{ config Config }

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{c} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "interactive" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Features: map[string]payload.Feature{
		"interactive": {Description: "Let people who may read the task's private artifacts open shells beside its commands while they run."},
	}}
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	if !run.Feature("interactive", false) {
		return nil, nil
	}
	if p.config.Disabled {
		return nil, task.Malformed("features.interactive: interactive shells are disabled on workers of the pool %s; leave it out of the payload, or use a pool that has them", run.Definition.TaskQueueID)
	}
	return &hooks{config: p.config, run: run}, nil
}

var _ plugins.Plugin = (*Plugin)(nil)
