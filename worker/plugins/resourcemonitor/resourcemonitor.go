// Package resourcemonitor looks at the machine's memory while a task's commands run. It tells in
// the task's log how much was used, and ends a task that leaves too little for the machine to
// stay healthy, before the system picks a process to kill that may be the worker. Of several tasks
// the one that uses the most is ended, where the engine knows how much that is, and the others
// get their time again.
//
// The lines are written once for all commands together, when the commands have ended, and only
// when they ran long enough for a sample. Where the system does not tell its memory, there are
// no lines and no guard.
package resourcemonitor

import (
	"context"
	"sync"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// interval is how often the memory is looked at.
const interval = 500 * time.Millisecond

// Config is what the feature needs. The zero value ends no task.
type Config struct {
	Disabled bool // by enableResourceMonitor: false
	// Unguarded keeps it from ending tasks, as disableOOMProtection does.
	Unguarded bool
	// A task is ended when more than MaxUsedPercent of the memory is used and less than
	// MinAvailable bytes are available for longer than Allowed.
	MaxUsedPercent uint64
	MinAvailable   uint64
	Allowed        time.Duration
}

// Plugin is the feature.
type Plugin struct {
	config Config
	read   func() (memory, error)

	mu   sync.Mutex // taken before that of hooks
	runs []*hooks   // whose commands run
}

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{config: c, read: readMemory} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "resourcemonitor" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Features: map[string]payload.Feature{
		"resourceMonitor": {Description: "Tell in the log how much of the machine's memory was used, and end a task that uses nearly all of it.", Default: true},
	}}
}

// New implements plugins.Plugin. Where the feature is disabled, only a task that asks for it by
// name is refused: the payload's default must not make every task malformed.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	if p.config.Disabled {
		if run.Feature("resourceMonitor", false) {
			return nil, task.Malformed("features.resourceMonitor: the resource monitor is disabled on workers of the pool %s; leave it out of the payload", run.Definition.TaskQueueID)
		}
		return nil, nil
	}
	if !run.Feature("resourceMonitor", true) {
		return nil, nil
	}
	return &hooks{plugin: p, run: run}, nil
}

// hooks is one run's monitor.
type hooks struct {
	plugin  *Plugin
	run     *task.Run
	sandbox engines.Sandbox

	mu      sync.Mutex // also held while a sample is taken
	timer   *time.Timer
	stopped bool
	usage   usage
	high    time.Time // since when too much is used; zero when it is not
}

// Started implements plugins.Starter.
func (h *hooks) Started(_ context.Context, s engines.Sandbox) error {
	h.sandbox = s
	h.plugin.enter(h)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timer = time.AfterFunc(interval, h.sample)
	return nil
}

// sample looks at the memory once.
func (h *hooks) sample() {
	h.plugin.mu.Lock()
	defer h.plugin.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return
	}
	m, err := h.plugin.read()
	if err != nil {
		h.run.Logger.Debug("resourcemonitor: the memory is not known", "error", err)
		return // and never will be
	}
	h.usage.add(m)
	if h.tooMuch(m) {
		h.plugin.end(h, m)
	}
	h.timer.Reset(interval)
}

// tooMuch tells whether too much has been used for too long.
func (h *hooks) tooMuch(m memory) bool {
	c, now := h.plugin.config, time.Now()
	if c.Unguarded || m.usedPercent() <= float64(c.MaxUsedPercent) || m.available >= c.MinAvailable {
		h.high = time.Time{}
		return false
	}
	if h.high.IsZero() {
		h.high = now
	}
	return now.Sub(h.high) > c.Allowed
}

// Stopped implements plugins.Stopper.
func (h *hooks) Stopped(context.Context, engines.Result) error {
	if h.stop() {
		h.usage.tell(h.run.Log.Info)
	}
	return nil
}

// Close implements plugins.Closer.
func (h *hooks) Close(context.Context) error {
	h.stop()
	return nil
}

// stop ends the sampling, waits for a sample that is being taken, and tells whether that was
// the first call.
func (h *hooks) stop() bool {
	h.plugin.leave(h)
	h.mu.Lock()
	defer h.mu.Unlock()
	first := !h.stopped
	h.stopped = true
	if h.timer != nil {
		h.timer.Stop()
	}
	return first
}

var (
	_ plugins.Starter = (*hooks)(nil)
	_ plugins.Stopper = (*hooks)(nil)
	_ plugins.Closer  = (*hooks)(nil)
)
