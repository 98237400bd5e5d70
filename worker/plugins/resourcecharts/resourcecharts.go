// Package resourcecharts shows what a task used while it ran: processor, memory, disk, and the
// machine's network, once a second at most, as artifacts for programs (JSON) and for people (a
// page that works without scripts and without anything from elsewhere).
//
// They are made of tasks that took more than ten seconds, and are as public as the task's log. What
// goes wrong with them is in the worker's log and fails no task.
//
// The plugins that upload before it, whose Stopped comes first, are seen in the charts; the
// chain of trust comes after it.
package resourcecharts

import (
	"context"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	// interval is how often is looked at first; the longer a task takes, the less often.
	interval = time.Second
	// shortest is how long a task takes at least that is shown.
	shortest = 10 * time.Second
)

// Config is what the feature needs.
type Config struct {
	Enabled  bool // by workerkit.resourceCharts
	Uploader *artifact.Uploader
	Now      func() time.Time
}

// Plugin is the feature.
type Plugin struct {
	config  Config
	network func() (traffic, error)
}

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{c, readNetwork} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "resourcecharts" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment { return payload.Fragment{} }

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	if !p.config.Enabled || len(run.Payload) == 0 {
		return nil, nil
	}
	return &hooks{plugin: p, run: run, begin: p.config.Now()}, nil
}

// Names are the artifacts of a run, reserved where the feature is enabled.
func Names(run *task.Run) (data, page string) {
	prefix := "private/workerkit/"
	if public(run) {
		prefix = "public/workerkit/"
	}
	return prefix + "resources.json", prefix + "resources.html"
}

// public tells whether everybody may read the run's log.
func public(run *task.Run) bool {
	names, known := run.LogNames(), false
	for _, log := range []struct {
		name string
		on   bool
	}{{names.Live, run.Feature("liveLog", true)}, {names.Backing, run.Feature("backingLog", true)}} {
		if log.on && !strings.HasPrefix(log.name, "public/") {
			return false
		}
		known = known || log.on
	}
	return known
}

// hooks is what is known of one run.
type hooks struct {
	plugin *Plugin
	run    *task.Run
	begin  time.Time
	// started is when the commands did; ended is when they had ended, or Stopped was called. All
	// of these are written by the goroutine while it runs.
	started, ended time.Time
	recording      recording
	cancel         context.CancelFunc // nil before the goroutine runs
	done           chan struct{}
}

// Started implements plugins.Starter.
func (h *hooks) Started(ctx context.Context, s engines.Sandbox) error {
	meter, ok := s.(engines.Meter)
	if !ok {
		return nil
	}
	h.started = h.plugin.config.Now()
	h.recording.every = interval
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // until Stopped or Close
	h.cancel, h.done = cancel, make(chan struct{})
	go func() {
		defer close(h.done)
		h.watch(ctx, s, meter)
	}()
	return nil
}

// watch samples until ctx ends.
func (h *hooks) watch(ctx context.Context, s engines.Sandbox, meter engines.Meter) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = recover() }() // whoever runs the task is given the same panic, and reports it
		_, _ = s.Wait(ctx)               // what came of them is not asked
	}()
	defer func() { <-ended }()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	waiting := ended
	h.sample(ctx, meter)
	for {
		select {
		case <-ctx.Done():
			return
		case <-waiting:
			waiting = nil // once
			if ctx.Err() == nil {
				h.ended = h.plugin.config.Now()
				h.sample(ctx, meter)
			}
		case <-ticker.C:
			if h.recording.due(h.plugin.config.Now().Sub(h.begin)) {
				h.sample(ctx, meter)
			}
		}
	}
}

// sample looks once.
func (h *hooks) sample(ctx context.Context, meter engines.Meter) {
	u, err := meter.Usage(ctx)
	if err != nil {
		h.run.Logger.DebugContext(ctx, "resourcecharts: what the task uses is not known", "error", err)
		return
	}
	n, err := h.plugin.network()
	if err != nil {
		h.run.Logger.DebugContext(ctx, "resourcecharts: the machine's network is not known", "error", err)
	}
	h.recording.add(sample{
		At: h.plugin.config.Now().Sub(h.begin), CPU: u.User + u.Kernel, Memory: u.Memory, Peak: u.PeakMemory,
		Read: u.Read, Written: u.Written, Received: n.received, Sent: n.sent,
	})
}

// Stopped implements plugins.Stopper.
func (h *hooks) Stopped(ctx context.Context, result engines.Result) error {
	h.stop()
	now := h.plugin.config.Now()
	if result == nil || len(h.recording.samples) < 2 || now.Sub(h.begin) <= shortest || ctx.Err() != nil {
		return nil
	}
	if h.ended.IsZero() {
		h.ended = now
	}
	if err := h.publish(ctx, h.report(now)); err != nil {
		h.run.Logger.WarnContext(ctx, "resourcecharts: the artifacts are not complete", "error", err)
	}
	return nil
}

// Close implements plugins.Closer.
func (h *hooks) Close(context.Context) error {
	h.stop()
	return nil
}

// stop ends the sampling and waits for it.
func (h *hooks) stop() {
	if h.cancel != nil {
		h.cancel()
		<-h.done
	}
}

var (
	_ plugins.Starter = (*hooks)(nil)
	_ plugins.Stopper = (*hooks)(nil)
	_ plugins.Closer  = (*hooks)(nil)
)
