package main

import (
	"context"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/internal/dircache"
	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/mounts"
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
		p.collectors = m.Collectors()
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
