// Package loopback gives tasks devices that play back what was written to them: a camera
// (v4l2loopback) or a sound card (snd-aloop), for tests of whatever uses one. They exist on Linux.
//
// The kernel's modules are loaded when the first task asks for them, with one device for each slot of
// the worker's capacity: a run has the configured number plus its slot, so that two tasks
// never share a device. The devices stay until the machine goes away.
package loopback

import (
	"context"
	"fmt"
	"sync"

	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Config is what the feature needs.
type Config struct {
	AudioDisabled, VideoDisabled bool // by enableLoopbackAudio, enableLoopbackVideo: false
	AudioNumber, VideoNumber     int  // of the first device
	Capacity                     int  // how many runs there are at once
	Pool                         string
	Expander                     task.Expander
	// System loads modules; nil where there are no such devices.
	System System
}

// System is what the feature asks of the operating system.
type System interface {
	// Load loads a module of the kernel with parameters "name=value". One that is loaded stays as it is.
	Load(ctx context.Context, module string, parameters ...string) error
	// Configure keeps the parameters for every later load of a module.
	Configure(module, parameters string) error
	// Share lets the members of a group, and nobody else, use a device.
	Share(device, group string) error
}

// Plugin is the feature.
type Plugin struct {
	config Config
	mu     sync.Mutex // while the system is asked
}

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{config: c} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "loopback" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	f := payload.Fragment{Features: map[string]payload.Feature{}}
	for _, k := range kinds() {
		f.Features[k.feature] = payload.Feature{Description: fmt.Sprintf(
			"%s, for members of the group %s. It needs the scope %s:<provisionerId>/<workerType> or %s. There are such devices on Linux only.", k.description, k.group, k.scope, k.scope)}
	}
	return f
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	h := &hooks{plugin: p, run: run}
	for _, k := range kinds() {
		switch {
		case !run.Feature(k.feature, false):
		case p.config.System == nil:
			return nil, task.Malformed("features.%s: there are such devices on Linux only; have the task run by another pool", k.feature)
		case k.disabled(p.config):
			return nil, task.Malformed("features.%s: it is disabled on workers of the pool %s; leave it out of the payload, or have the task run by another pool", k.feature, p.config.Pool)
		default:
			h.kinds = append(h.kinds, k)
		}
	}
	if len(h.kinds) == 0 {
		return nil, nil
	}
	return h, nil
}

var _ plugins.Plugin = (*Plugin)(nil)
