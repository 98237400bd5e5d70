// Package mounts puts files and directories where a task wants them, before its commands run: what is
// downloaded or stands in the payload, and writable caches, which one task leaves for the next.
//
// All mounts of a task are prepared at the same time, beside whatever else is; archives are unpacked
// while they are downloaded. They are handed to the engine in the payload's order. Downloads are
// kept for later tasks, and what a task gets of them is a copy of its own. A cache is noted
// as in use on disk before it is mounted, and given back when the engine has freed what the run held,
// before the run is resolved.
//
// Whatever goes wrong with a mount fails the task; only what the payload should not have asked for
// is malformed-payload.
package mounts

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/dircache"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/room"
	"github.com/workerkit/workerkit/worker/task"
)

// Config is what the feature works with.
type Config struct {
	Disabled bool // by enableMounts: false
	Files    filecache.Config
	Caches   dircache.Config
	Scopes   task.Expander
	// Purges asks the purge-cache service what was asked for since a time, zero is ever. It should
	// not be patient.
	Purges func(ctx context.Context, since time.Time) ([]tc.PurgeRequest, error)
	Logger *slog.Logger
	Now    func() time.Time
}

// Plugin is the feature. Open comes before the first run, Close after the last one.
type Plugin struct {
	config Config
	purges purges
	files  *filecache.Cache
	caches *dircache.Pool

	owned sync.WaitGroup
	ctx   context.Context //nolint:containedctx // of what goes on between runs; Close ends it
	stop  context.CancelFunc
}

// New makes the feature, without touching the disk.
func New(c Config) *Plugin {
	p := &Plugin{config: c}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "mounts" }

// Open opens the downloads and caches of earlier tasks. No other worker may use the same ones.
func (p *Plugin) Open() (err error) {
	if p.config.Disabled {
		return nil
	}
	if p.caches, err = dircache.Open(p.config.Caches); err != nil {
		return err
	}
	if p.files, err = filecache.Open(p.config.Files); err != nil {
		return errors.Join(err, p.caches.Close())
	}
	return nil
}

// Files are the downloads, for whatever else is fetched for tasks. There are none before Open, and none
// where mounts are disabled.
func (p *Plugin) Files() *filecache.Cache { return p.files }

// Collectors delete what can be had again: downloads first, then caches. There are none before Open.
func (p *Plugin) Collectors() []room.Collector {
	if p.files == nil {
		return nil
	}
	return []room.Collector{p.files, p.caches}
}

// Close ends what goes on in the background. The next start finishes what ctx leaves no time for.
func (p *Plugin) Close(ctx context.Context) error {
	p.stop()
	p.owned.Wait()
	if p.files == nil {
		return nil
	}
	return errors.Join(p.files.Close(ctx), p.caches.Close())
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	var own struct {
		Mounts []*mount `json:"mounts"`
	}
	if err := run.Decode(&own); err != nil {
		return nil, err
	}
	if len(own.Mounts) == 0 {
		p.purgeLater()
		return nil, nil
	}
	if p.config.Disabled {
		return nil, task.Malformed("mounts: mounts are disabled on workers of the pool %s; leave payload.mounts out, or have the task run by another pool", run.Definition.TaskQueueID)
	}
	if err := check(run, own.Mounts); err != nil {
		return nil, err
	}
	if !usesCaches(own.Mounts) {
		p.purgeLater()
	}
	return newHooks(p, run, own.Mounts), nil
}
