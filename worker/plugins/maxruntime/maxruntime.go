// Package maxruntime ends commands that run longer than the payload allows.
package maxruntime

import (
	"context"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Plugin is the feature.
type Plugin struct{ most time.Duration }

// New makes the feature. No task may ask for more than most.
func New(most time.Duration) *Plugin { return &Plugin{most} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "maxruntime" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{
		Required: []string{"maxRunTime"},
		Properties: map[string]any{"maxRunTime": map[string]any{
			"title": "Maximum run time in seconds", "type": "integer", "multipleOf": 1, "minimum": 1,
			"description": "How long all commands together may run, in seconds. Preparation and uploads do not count.",
		}},
	}
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	var own struct {
		Seconds float64 `json:"maxRunTime"` // an integer may be written as 1e3
	}
	if err := run.Decode(&own); err != nil {
		return nil, err
	}
	if own.Seconds > p.most.Seconds() {
		return nil, task.Malformed("payload.maxRunTime: %.0f seconds are more than the %.0f that workers of the pool %s allow", own.Seconds, p.most.Seconds(), run.Definition.TaskQueueID)
	}
	return &hooks{run: run, limit: time.Duration(own.Seconds * float64(time.Second))}, nil
}

type hooks struct {
	run   *task.Run
	limit time.Duration
	timer *time.Timer
}

// Started implements plugins.Starter.
func (h *hooks) Started(context.Context, engines.Sandbox) error {
	h.timer = time.AfterFunc(h.limit, func() {
		h.run.Abort(task.Failure("task aborted - max run time exceeded"))
	})
	return nil
}

// Stopped implements plugins.Stopper.
func (h *hooks) Stopped(context.Context, engines.Result) error {
	if h.timer != nil {
		h.timer.Stop()
	}
	return nil
}

var (
	_ plugins.Starter = (*hooks)(nil)
	_ plugins.Stopper = (*hooks)(nil)
)
