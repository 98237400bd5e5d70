package main

import (
	"context"
	"fmt"
	"github.com/workerkit/workerkit/internal/disk"
	"time"

	"github.com/workerkit/workerkit/internal/dircache"
	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/mounts"
	"github.com/workerkit/workerkit/worker/room"
)

// The files of what mounts keep from one task to the next. The first two are the public worker's.
const (
	downloadsFile = "file-caches.json"
	cachesFile    = "directory-caches.json"
	preloadedFile = "workerkit-preloaded-caches.json"
)

// mounts is the feature that puts files and directories where tasks want them.
func (p parts) mounts() *mounts.Plugin {
	c := p.config
	preloaded := make([]dircache.Preloaded, len(c.Workerkit.PreloadedCaches))
	for i, one := range c.Workerkit.PreloadedCaches {
		preloaded[i] = dircache.Preloaded{Name: one.CacheName, Dir: one.Directory}
	}
	return mounts.New(mounts.Config{
		Disabled: !c.EnableMounts,
		Files:    p.downloads(),
		Caches: dircache.Config{
			Dir: c.CachesDir, State: cachesFile, Adopted: preloadedFile, Preloaded: preloaded, Keep: int(c.Capacity), Logger: p.logger, Now: time.Now,
		},
		Scopes: p.client,
		Purges: func(ctx context.Context, since time.Time) ([]tc.PurgeRequest, error) {
			return p.client.WithPolicy(retry.Policy{Attempts: 2}).PurgeRequests(ctx, p.source, c.TaskQueueID(), since)
		},
		Logger: p.logger, Now: time.Now,
	})
}

// downloads are what was fetched for tasks.
func (p parts) downloads() filecache.Config {
	return filecache.Config{Dir: p.config.DownloadsDir, State: downloadsFile, Fetcher: p.fetcher(), Logger: p.logger, Now: time.Now}
}

func (p parts) fetcher() *fetch.Fetcher { return fetch.New(p.client, p.http, retry.API()) }

// openMounts opens what earlier tasks have left for mounts, until the returned function is called.
func (p *program) openMounts(list []plugins.Plugin) (shut func(), err error) {
	for _, plugin := range list {
		m, ok := plugin.(*mounts.Plugin)
		if !ok {
			continue
		}
		if err := m.Open(); err != nil {
			return nil, fmt.Errorf("the downloadsDir or the cachesDir cannot be used: %w", err)
		}
		for i, c := range m.Collectors() {
			p.collect([]string{p.config.DownloadsDir, p.config.CachesDir}[i], c)
		}
		return func() {
			ctx, done := context.WithTimeout(context.Background(), closeTime)
			defer done()
			if err := m.Close(ctx); err != nil {
				p.logger.Warn("the caches did not end cleanly", "error", err)
			}
		}, nil
	}
	return func() {}, nil
}

// collect has what is kept in a directory deleted when the disk that it is on is short of space.
func (p *program) collect(dir string, c room.Collector) {
	same, err := disk.Same(dir, p.config.TasksDir)
	if err != nil {
		p.logger.Warn("it is not known which disk a directory is on", "error", err)
	}
	if same || err != nil {
		p.collectors = append(p.collectors, c)
		return
	}
	p.shelves = append(p.shelves, &room.Shelf{Dir: dir, Keep: p.required(), Disk: disk.Space, Collector: c, Logger: p.logger})
}

// required is how many bytes have to be free for a task.
func (p *program) required() uint64 { return uint64(p.config.RequiredDiskSpaceMegabytes) << 20 }

// tidy makes space on the disks of what mounts keep.
func (p *program) tidy(ctx context.Context) {
	for _, shelf := range p.shelves {
		shelf.Tidy(ctx)
	}
}
