// Package exitstatus makes of the commands' end the task's: success, failure, or, for exit codes
// that the payload declares to be intermittent, another try.
package exitstatus

import (
	"context"
	"slices"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Plugin is the feature.
type Plugin struct{}

// New makes the feature.
func New() *Plugin { return &Plugin{} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "exitstatus" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	codes := func(title, description string, least int) map[string]any {
		return map[string]any{
			"title": title, "description": description, "type": "array", "uniqueItems": true,
			"items": map[string]any{"type": "integer", "minimum": least},
		}
	}
	return payload.Fragment{Properties: map[string]any{"onExitStatus": map[string]any{
		"title": "Exit code handling", "type": "object", "additionalProperties": false,
		"description": "What exit codes of a command mean beyond success and failure.",
		"properties": map[string]any{
			"retry":       codes("Intermittent exit codes", "Exit codes that make the queue try the task again, while it has retries left.", 1),
			"purgeCaches": codes("Exit codes that spoil caches", "Exit codes after which the task's writable caches are deleted.", 0),
		},
	}}}
}

// New implements plugins.Plugin.
func (*Plugin) New(run *task.Run) (plugins.Hooks, error) {
	var own struct {
		OnExitStatus struct {
			Retry []int `json:"retry"`
		} `json:"onExitStatus"`
	}
	if err := run.Decode(&own); err != nil {
		return nil, err
	}
	return &hooks{own.OnExitStatus.Retry}, nil
}

type hooks struct{ retry []int }

// Stopped implements plugins.Stopper. Commands that were aborted have a cause of their own.
func (h *hooks) Stopped(_ context.Context, result engines.Result) error {
	if result == nil {
		return nil
	}
	s := result.Status()
	switch {
	case s.Success, s.Aborted:
		return nil
	case slices.Contains(h.retry, s.ExitCode):
		return task.Retryable("task appears to have failed intermittently - exit code %d found in task payload.onExitStatus list", s.ExitCode)
	default:
		return task.Failure("%s", s.Reason)
	}
}

var _ plugins.Stopper = (*hooks)(nil)
