// Package taskclusterproxy lets a task call Taskcluster with its own scopes and no credentials:
// what it sends to TASKCLUSTER_PROXY_URL is signed by the worker and passed on. The worker has the
// task's credentials anyway, and always the newest; the engine sees to it that only this task
// reaches the proxy, for as long as its commands run.
package taskclusterproxy

import (
	"context"
	"fmt"
	"net/http"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/signproxy"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Config is what the feature needs.
type Config struct {
	Disabled  bool // by enableTaskclusterProxy: false
	RootURL   string
	Transport http.RoundTripper // makes the calls
	Retry     retry.Policy      // of calls that can be repeated
}

// Plugin is the feature.
type Plugin struct{ config Config }

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{c} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "taskclusterproxy" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{
		Features: map[string]payload.Feature{
			"taskclusterProxy": {Description: "Let the commands call Taskcluster's services at TASKCLUSTER_PROXY_URL with the task's scopes, without credentials."},
		},
		Properties: map[string]any{"taskclusterProxyInterface": map[string]any{
			"type": "string", "enum": []any{"localhost", "docker-bridge"}, "default": "localhost",
			"description": "Where the Taskcluster proxy is to be reached from. Both mean the same: an engine offers it where its commands reach it, containers' own networks included.",
		}},
	}
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	if !run.Feature("taskclusterProxy", false) {
		return nil, nil
	}
	if p.config.Disabled {
		return nil, task.Malformed("features.taskclusterProxy: the Taskcluster proxy is disabled on workers of the pool %s; leave it out of the payload, or use a pool that has it", run.Definition.TaskQueueID)
	}
	return &hooks{p.config, run}, nil
}

// hooks is one run's proxy.
type hooks struct {
	config Config
	run    *task.Run
}

// Build implements plugins.Builder.
func (h *hooks) Build(ctx context.Context, b engines.Builder) error {
	proxier, ok := b.(engines.Proxier)
	if !ok {
		return fmt.Errorf("features.taskclusterProxy: %w", engines.ErrNotSupported)
	}
	proxy, err := signproxy.New(signproxy.Config{
		RootURL: h.config.RootURL, Credentials: h.run.Credentials, Scopes: scopes(h.run),
		Transport: h.config.Transport, Retry: h.config.Retry, Logger: h.run.Logger,
	})
	if err != nil {
		return fmt.Errorf("features.taskclusterProxy: %w", err)
	}
	url, err := proxier.Proxy(ctx, "taskcluster", proxy)
	if err != nil {
		return fmt.Errorf("features.taskclusterProxy: %w", err)
	}
	return b.Setenv("TASKCLUSTER_PROXY_URL", url)
}

// scopes are the task's own and that to create artifacts of its run; what else the run's credentials
// are good for, such as to resolve it, is the worker's.
func scopes(run *task.Run) []string {
	return append(append([]string{}, run.Definition.Scopes...), fmt.Sprintf("queue:create-artifact:%s/%d", run.TaskID, run.RunID))
}

var (
	_ plugins.Plugin  = (*Plugin)(nil)
	_ plugins.Builder = (*hooks)(nil)
)
