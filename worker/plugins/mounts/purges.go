package mounts

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// askTime is how long a task waits for the purge-cache service at most.
	askTime = 15 * time.Second
	// rarely is how often the service is asked when no task uses caches: it forgets requests.
	rarely = 6 * time.Hour
	// overlap is how far back of the last query the next one begins, as clocks differ.
	overlap = 5 * time.Minute
)

// purges is when the purge-cache service was asked.
type purges struct {
	mu     sync.Mutex
	last   time.Time // when it last answered; zero is never
	asking bool      // in the background
}

// purge asks the purge-cache service which caches are not to be used any more, and drops them. It
// tells warn when the service does not answer, which stops nobody.
func (p *Plugin) purge(ctx context.Context, warn func(format string, args ...any)) {
	ctx, done := context.WithTimeout(ctx, askTime)
	defer done()
	p.purges.mu.Lock()
	since := p.purges.last
	p.purges.mu.Unlock()
	if !since.IsZero() {
		since = since.Add(-overlap)
	}
	now := p.config.Now()
	requests, err := p.config.Purges(ctx, since)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return // the task is over before it began
	}
	if err != nil {
		warn("[mounts] The purge-cache service does not say which caches to purge, they are used as they are: %v", err)
		return
	}
	for _, r := range requests {
		purged, err := p.caches.Purge(r.CacheName, r.Before)
		if err != nil {
			p.config.Logger.Warn("mounts: a cache that should be purged is left, and used no more", "cache", r.CacheName, "error", err)
		}
		if purged > 0 {
			p.config.Logger.Info("mounts: purged a cache, as the purge-cache service asks for", "cache", r.CacheName, "copies", purged, "before", r.Before)
		}
	}
	p.purges.mu.Lock()
	defer p.purges.mu.Unlock()
	if now.After(p.purges.last) {
		p.purges.last = now
	}
}

// purgeLater has caches purged in the background when that was not done for long.
func (p *Plugin) purgeLater() {
	if p.caches == nil || p.caches.Empty() {
		return
	}
	p.purges.mu.Lock()
	defer p.purges.mu.Unlock()
	if p.purges.asking || p.config.Now().Sub(p.purges.last) < rarely {
		return
	}
	p.purges.asking = true
	p.owned.Go(func() {
		p.purge(p.ctx, func(_ string, args ...any) { p.config.Logger.Warn("mounts: the purge-cache service", "error", args[0]) })
		p.purges.mu.Lock()
		defer p.purges.mu.Unlock()
		p.purges.asking = false
	})
}
