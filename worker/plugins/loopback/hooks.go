package loopback

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// hooks is what one run asks for.
type hooks struct {
	plugin *Plugin
	run    *task.Run
	kinds  []kind
}

// Prepare implements plugins.Preparer.
func (h *hooks) Prepare(ctx context.Context) error {
	c := h.plugin.config
	for _, k := range h.kinds {
		err := h.run.Require(ctx, c.Expander, "features."+k.feature, []string{k.scope + ":" + c.Pool}, []string{k.scope})
		if err == nil {
			err = h.provide(ctx, k)
		}
		if err != nil {
			return err //nolint:wrapcheck // says what is wrong
		}
		h.warn(k)
	}
	return nil
}

// provide makes the run's device and lets the group use it.
func (h *hooks) provide(ctx context.Context, k kind) error {
	p := h.plugin
	numbers := k.numbers(p.config)
	if h.run.Slot >= len(numbers) {
		return task.Unavailable("features.%s: there are devices for %d tasks at once, and this is one more: the worker's operator can lower the capacity, or the number of the first device", k.feature, len(numbers))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	parameters := k.load(numbers)
	if k.kept {
		if err := p.config.System.Configure(k.module, strings.Join(parameters, " ")); err != nil {
			return task.Internal("features.%s: configure the kernel module %s: %w", k.feature, k.module, err)
		}
		parameters = nil
	}
	if err := p.config.System.Load(ctx, k.module, parameters...); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return task.Malformed("features.%s: workers of the pool %s cannot load the kernel module %s; have the task run by another pool, or ask its operator to install it in the image: %w", k.feature, p.config.Pool, k.module, err)
	}
	for _, device := range k.devices(k.first(p.config) + h.run.Slot) {
		if err := p.config.System.Share(device, k.group); err != nil {
			return task.Internal("features.%s: let the group %s use a device: %w", k.feature, k.group, err)
		}
	}
	return nil
}

// warn says what may keep the task from its devices.
func (h *hooks) warn(k kind) {
	var own struct {
		Groups    []string        `json:"osGroups"`
		Container json.RawMessage `json:"container"`
	}
	_ = h.run.Decode(&own) // it is valid
	if own.Container != nil {
		return // which has users of its own
	}
	if !slices.Contains(own.Groups, k.group) && !slices.Contains(own.Groups, "docker") {
		h.run.Log.Warn("features.%s: the devices are for members of the group %s, and payload.osGroups has neither %s nor docker: the task may not be able to use them", k.feature, k.group, k.group)
	}
}

// Build implements plugins.Builder.
func (h *hooks) Build(_ context.Context, b engines.Builder) error {
	for _, k := range h.kinds {
		if k.variable == "" {
			continue
		}
		if err := b.Setenv(k.variable, k.devices(k.first(h.plugin.config) + h.run.Slot)[0]); err != nil {
			return err //nolint:wrapcheck // says what is wrong
		}
	}
	return nil
}

var (
	_ plugins.Preparer = (*hooks)(nil)
	_ plugins.Builder  = (*hooks)(nil)
)
