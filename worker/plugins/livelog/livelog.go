// Package livelog lets people read a run's log while it is written.
//
// The worker serves the logs of all its runs itself, each under a random token. A reference
// artifact leads there while the task runs; afterwards it is replaced by a link to the
// complete log. Nothing about the live log delays or fails a task: what goes wrong is in the
// worker's log.
//
// A viewer gets the log from its beginning and follows it, as from the public worker, or a part:
//
//	?tail=N             the last N lines, and what follows
//	?follow=false       only what there is now; also with tail
//	Range: bytes=a-     what there is now from byte a on; bytes=-n the last n bytes, bytes=a-b a part
//	Range: bytes=a-9007199254740991   from byte a on, and what follows (RFC 8673)
//
// The text goes out compressed to those who accept gzip, but for ranges, which are of the text itself.
// Each part costs what it is long, wherever in the log it is.
package livelog

import (
	"time"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Config is what the feature needs.
type Config struct {
	Disabled bool // by enableLiveLog: false
	Exposer  expose.Exposer
	Now      func() time.Time
}

// Plugin is the feature. Its owner calls Close when no run is left.
type Plugin struct {
	config Config
	server *server
}

// New makes the feature. It listens from the first run that asks for it on.
func New(c Config) *Plugin { return &Plugin{c, newServer(c.Exposer)} }

// Close stops listening. It is safe to repeat.
func (p *Plugin) Close() error { return p.server.close() }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "livelog" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Features: map[string]payload.Feature{
		"liveLog": {Description: "Let the task's log be read while the task runs.", Default: true},
	}}
}

// New implements plugins.Plugin. Where the feature is disabled, only a task that asks for it by
// name is refused: the payload's default must not make every task malformed.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	if p.config.Disabled {
		if run.Feature("liveLog", false) {
			return nil, task.Malformed("features.liveLog: the live log is disabled on workers of the pool %s; leave it out of the payload", run.Definition.TaskQueueID)
		}
		return nil, nil
	}
	if !run.Feature("liveLog", true) {
		return nil, nil
	}
	if names := run.LogNames(); names.Live == names.Backing && run.Feature("backingLog", true) {
		run.Log.Warn("The log cannot be read while the task runs, as logs.live and logs.backing have the same name, %s", names.Live)
		return nil, nil // else the complete log could not be uploaded
	}
	return &hooks{plugin: p, run: run, reached: make(chan struct{}), published: make(chan struct{})}, nil
}

var (
	_ plugins.Preparer = (*hooks)(nil)
	_ plugins.Finisher = (*hooks)(nil)
	_ plugins.Closer   = (*hooks)(nil)
)

var _ plugins.Plugin = (*Plugin)(nil)
