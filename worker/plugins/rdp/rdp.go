// Package rdp lets somebody look at the desktop of a task from elsewhere, on Windows: the address, name and
// password for the remote desktop are an artifact, and the machine stays as it is for a while after the
// commands.
package rdp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	port = 3389
	// valid is how long the artifact is kept, as by the public worker.
	valid = 24 * time.Hour
	// usual is how long the machine stays after the commands, as with the public worker.
	usual = 12 * time.Hour
)

// Config is what the feature needs.
type Config struct {
	Disabled bool // by enableRDP: false
	Pool     string
	Expander task.Expander
	Uploader *artifact.Uploader
	Host     string // the machine's public address
	// Stay bounds how long the machine stays after the commands; 0 is 12 hours.
	Stay time.Duration
	// Leaving is closed when the worker takes no further tasks: then nobody stays. nil is never.
	Leaving <-chan struct{}
	Now     func() time.Time
}

// Plugin is the feature.
type Plugin struct{ config Config }

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{c} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "rdp" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Properties: map[string]any{"rdpInfo": map[string]any{
		"title": "RDP Info", "type": "string", "minLength": 1,
		"description": "The name of an artifact, which should begin with private/, with the address, user name and password for the remote desktop of the task's user. " +
			"The task is resolved, and its user deleted, only some hours after its commands. " +
			"It needs the scope generic-worker:allow-rdp:<provisionerId>/<workerType>.",
	}}}
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	var own struct {
		Name string `json:"rdpInfo"`
	}
	if err := run.Decode(&own); err != nil {
		return nil, err
	}
	switch c := p.config; {
	case own.Name == "":
		return nil, nil
	case c.Disabled:
		return nil, task.Malformed("payload.rdpInfo: the remote desktop is disabled on workers of the pool %s; leave rdpInfo out of the payload, or have the task run by another pool", c.Pool)
	case c.Host == "":
		return nil, task.Malformed("payload.rdpInfo: workers of the pool %s do not know an address at which their desktop can be reached: have its operator set publicIP in the worker's configuration", c.Pool)
	default:
		return &hooks{c, run, own.Name}, nil
	}
}

// hooks is one run that asks for it.
type hooks struct {
	config Config
	run    *task.Run
	name   string
}

// Prepare implements plugins.Preparer.
func (h *hooks) Prepare(ctx context.Context) error {
	scope := []string{"generic-worker:allow-rdp:" + h.config.Pool}
	return h.run.Require(ctx, h.config.Expander, "payload.rdpInfo", scope) //nolint:wrapcheck // a *task.Error
}

// Build implements plugins.Builder.
func (h *hooks) Build(ctx context.Context, b engines.Builder) error {
	remote, ok := b.(engines.RemoteDesktop)
	if !ok {
		return fmt.Errorf("payload.rdpInfo: %w", engines.ErrNotSupported)
	}
	name, password, err := remote.RemoteDesktop(ctx)
	if err != nil {
		return err //nolint:wrapcheck // says what is wrong
	}
	data, err := json.Marshal(map[string]any{"host": h.config.Host, "port": port, "username": name, "password": password.Reveal()})
	if err != nil {
		return fmt.Errorf("payload.rdpInfo: %w", err)
	}
	expires := h.config.Now().Add(valid)
	if end := h.run.Definition.Expires; !end.IsZero() && end.Before(expires) {
		expires = end
	}
	err = h.config.Uploader.Upload(ctx, h.run.Queue, h.run.Logger, artifact.Data{
		Name: h.name, ContentType: "application/json", Expires: expires, Size: int64(len(data)), Length: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	})
	if err := task.Uploaded(ctx, h.name, err); err != nil {
		return err //nolint:wrapcheck // a *task.Error
	}
	if strings.HasPrefix(h.name, "public/") {
		h.run.Log.Warn("The artifact %s can be read by everybody, with the password that is in it: have payload.rdpInfo begin with private/", h.name)
	}
	h.run.Log.Info("The desktop of the task's user can be reached: the artifact %s says how", h.name)
	return nil
}

// Stopped implements plugins.Stopper: it keeps the machine as it is, unless the run was aborted. It ends
// with the run, as when the task is cancelled, and when the worker is to end.
func (h *hooks) Stopped(ctx context.Context, result engines.Result) error {
	if result == nil || result.Status().Aborted {
		return nil
	}
	stay := usual
	if h.config.Stay > 0 {
		stay = min(stay, h.config.Stay)
	}
	h.run.Log.Info("The commands have ended. As the payload has rdpInfo, the machine stays as it is for %s, until %s, for somebody to look at. To end that sooner cancel the task.",
		stay, h.config.Now().Add(stay).UTC().Format(time.RFC3339))
	timer := time.NewTimer(stay)
	defer timer.Stop()
	select {
	case <-timer.C:
		h.run.Log.Info("The remote desktop ends: %s have passed", stay)
	case <-h.config.Leaving:
		h.run.Log.Info("The remote desktop ends: the worker is to end")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// Stays implements plugins.Stayer.
func (*hooks) Stays() {}

var (
	_ plugins.Preparer = (*hooks)(nil)
	_ plugins.Builder  = (*hooks)(nil)
	_ plugins.Stayer   = (*hooks)(nil)
)
