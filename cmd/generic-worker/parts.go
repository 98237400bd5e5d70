package main

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/container"
	"github.com/workerkit/workerkit/worker/engines/insecure"
	"github.com/workerkit/workerkit/worker/engines/mock"
	"github.com/workerkit/workerkit/worker/engines/multiuser"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/artifacts"
	"github.com/workerkit/workerkit/worker/plugins/backinglog"
	"github.com/workerkit/workerkit/worker/plugins/chainoftrust"
	"github.com/workerkit/workerkit/worker/plugins/environment"
	"github.com/workerkit/workerkit/worker/plugins/exitstatus"
	"github.com/workerkit/workerkit/worker/plugins/livelog"
	"github.com/workerkit/workerkit/worker/plugins/maxruntime"
	"github.com/workerkit/workerkit/worker/plugins/resourcecharts"
	"github.com/workerkit/workerkit/worker/plugins/resourcemonitor"
)

// parts makes the engine and the plugins of a worker.
type parts struct {
	config  *config.Config
	client  *tc.Client
	http    *http.Client
	logger  *slog.Logger
	trees   *proc.Trees        // nil where nothing is started
	key     ed25519.PrivateKey // for certificates; nil where there are none
	source  tc.Source          // the worker's credentials; nil where nothing is called
	leaving <-chan struct{}    // closed when the worker was told to end; nil is never

	certificate *tls.Certificate // of ports that are exposed; nil is none
}

// engine makes the engine that the configuration names; that of containers, which is not alone in its
// kind, is made later and nil here.
func (p parts) engine() (engines.Engine, error) {
	switch name := p.config.Workerkit.Engine; name {
	case container.Name:
		return nil, nil
	case "", insecure.Name:
		return insecure.New(insecure.Config{Trees: p.trees, Env: os.Environ(), Limits: p.limits(), ProxyPort: p.config.TaskclusterProxyPort}), nil
	case multiuser.Name:
		return p.multiuser()
	case mock.Name:
		return mock.New(), nil
	default:
		return nil, fmt.Errorf("%w: workerkit.engine: there is no engine %q; there are %s, %s, %s and %s", config.ErrInvalid, name, insecure.Name, multiuser.Name, container.Name, mock.Name)
	}
}

// limits are of each task.
func (p parts) limits() proc.Limits {
	l := p.config.Workerkit.TaskLimits
	return proc.Limits{Memory: uint64(l.MemoryMegabytes) << 20, Processes: uint64(l.Processes), CPUWeight: uint64(l.CPUWeight)}
}

// plugins lists the plugins in their order.
func (p parts) plugins() ([]plugins.Plugin, func() error) {
	c := p.config
	uploader := p.uploader()
	live := livelog.New(livelog.Config{
		Disabled: !c.EnableLiveLog,
		Exposer:  p.exposer(c.LivelogPortBase+1, c.LivelogExposePort),
		Now:      time.Now,
	})
	return present(slices.Concat([]plugins.Plugin{
		backinglog.New(uploader),
		live,
		environment.New(environment.Config{RootURL: c.RootURL, Location: c.WorkerLocation, InstanceType: c.InstanceType}),
		p.proxy(),
		p.groups(),
		p.mounts(),
		p.interactive(),
		p.currentUser(),
	}, p.further(), []plugins.Plugin{
		p.loopback(),
		p.trust(uploader),
		resourcecharts.New(resourcecharts.Config{Enabled: c.Workerkit.ResourceCharts, Uploader: uploader, Now: time.Now}),
		artifacts.New(uploader),
		exitstatus.New(),
		maxruntime.New(time.Duration(c.MaxTaskRunTime) * time.Second),
		resourcemonitor.New(memoryGuard(c)),
	})), live.Close
}

// schema is the payload schema of the configured engine and the plugins together. It makes its own, as
// it is asked for without anything to work with.
func (p parts) schema() (*payload.Schema, error) {
	p.logger, p.http = slog.New(slog.DiscardHandler), http.DefaultClient
	list, done := p.plugins()
	merged, err := p.merge(p.idle(), list)
	return merged, errors.Join(err, done())
}

// idle is an engine that is only asked for its payload.
func (p parts) idle() engines.Engine {
	if p.config.Workerkit.Engine == multiuser.Name {
		return multiuser.New(multiuser.Config{Logger: p.logger})
	}
	return insecure.New(insecure.Config{})
}

// merge merges what the engine, the plugins and the worker itself know of the payload.
func (p parts) merge(engine engines.Engine, list []plugins.Plugin) (*payload.Schema, error) {
	fragments := map[string]payload.Fragment{
		"engine " + engine.Name(): engine.Payload(),
		"the worker":              {Properties: map[string]any{"supersederUrl": ignored(map[string]any{"type": "string", "format": "uri"})}},
		"not offered":             p.absent(),
	}
	for _, plugin := range list {
		if _, isTrust := plugin.(*chainoftrust.Plugin); isTrust && !isolates(p.config) {
			continue // it is for containers
		}
		fragments["plugin "+plugin.Name()] = plugin.Payload()
	}
	if !p.config.D2GConfig.EnableD2G {
		fragments["no containers"] = payload.Fragment{Refused: map[string]string{"image": fmt.Sprintf(
			"payloads of docker-worker, which have an image, are not run by workers of the pool %s: have the task run by another pool, or ask its operator to set d2gConfig.enableD2G in the worker's configuration, and to have Docker or Podman on its machines", p.config.TaskQueueID())}}
	}
	return payload.Merge(fragments)
}

// absent is what payloads of the public worker may ask for and this one, with its engine, does not
// have. Payloads that name it without asking for it are valid.
func (p parts) absent() payload.Fragment {
	f := payload.Fragment{Features: map[string]payload.Feature{}}
	if !isolates(p.config) {
		for _, name := range []string{"chainOfTrust", "runTaskAsCurrentUser"} {
			f.Features[name] = payload.Feature{Absent: true, Description: "This needs the engine multiuser; with another one only false is accepted."}
		}
	}
	if runtime.GOOS == "windows" {
		if p.config.Workerkit.Engine != multiuser.Name {
			f.Features["runAsAdministrator"] = payload.Feature{Absent: true, Description: "This needs the engine multiuser; with another one only false is accepted."}
		}
		f.Features["hideCmdWindow"] = payload.Feature{Description: "Do not show a window for the commands' console on the task's desktop. Where there is no desktop there is none in any case."}
	}
	return f
}

// ignored marks a property that changes nothing.
func ignored(schema map[string]any) map[string]any {
	schema["description"] = "Accepted for compatibility; it has no effect."
	return schema
}

// memoryGuard is the part of the configuration that says how much memory tasks may use.
func memoryGuard(c *config.Config) resourcemonitor.Config {
	return resourcemonitor.Config{
		Disabled: !c.EnableResourceMonitor, Unguarded: c.DisableOOMProtection,
		MaxUsedPercent: c.MaxMemoryUsagePercent, MinAvailable: c.MinAvailableMemoryBytes,
		Allowed: time.Duration(c.AllowedHighMemoryDurationSecs) * time.Second,
	}
}
