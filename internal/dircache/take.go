package dircache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/taskcluster/slugid-go/slugid"
)

// Cache is a cache that a task has, until it is released or discarded: one of the two is called,
// once.
type Cache struct {
	Name string
	Dir  string // absolute
	// New says that the directory was made just now, and is empty.
	New bool

	pool  *Pool
	entry *entry
}

// Take gives a task a cache: that which was used last of those of the name that are free, else an
// empty one. It is noted on disk first. Take waits for a preloaded directory that is
// still being copied, until ctx ends, whose cause it returns then.
func (p *Pool) Take(ctx context.Context, name string) (*Cache, error) {
	if err := p.awaitCopy(ctx, name); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.free(name)
	isNew := e == nil
	if isNew {
		var err error
		if e, err = p.make(name); err != nil {
			return nil, fmt.Errorf("dircache: make a cache: %w", err)
		}
	}
	e.InUse, e.LastUsed = true, p.config.Now().UTC()
	e.Hits++
	dir, err := filepath.Abs(e.Location)
	if err == nil {
		err = p.save()
	}
	if err != nil {
		e.InUse = false
		if isNew { // nobody has filled it
			err = errors.Join(err, p.remove(e))
		}
		return nil, fmt.Errorf("dircache: %w", err)
	}
	return &Cache{Name: name, Dir: dir, New: isNew, pool: p, entry: e}, nil
}

// free finds the cache to take; nil is none. One that has vanished is forgotten.
func (p *Pool) free(name string) (best *entry) {
	list := p.entries[name]
	for _, e := range list {
		if !e.InUse && (best == nil || e.LastUsed.After(best.LastUsed)) {
			best = e
		}
	}
	if best == nil || isDir(best.Location) {
		return best
	}
	p.config.Logger.Warn("dircache: a cache is no longer there; it is forgotten", "cache", name, "location", best.Location)
	p.forget(best)
	return p.free(name)
}

// make makes an empty cache.
func (p *Pool) make(name string) (*entry, error) {
	location := filepath.Join(p.config.Dir, slugid.Nice())
	if err := os.Mkdir(location, 0o700); err != nil {
		return nil, err
	}
	e := &entry{Created: p.config.Now().UTC(), Location: location, Key: name}
	p.entries[name] = append(p.entries[name], e)
	return e, nil
}

// forget drops an entry. p.mu is held.
func (p *Pool) forget(e *entry) {
	p.set(e.Key, slices.DeleteFunc(p.entries[e.Key], func(other *entry) bool { return other == e }))
}

// remove forgets a cache and has its directory deleted. p.mu is held.
func (p *Pool) remove(e *entry) error {
	if err := p.trash.discard(e.Location); err != nil {
		return err // it stays, as what there is of it must not get lost
	}
	p.forget(e)
	return nil
}

// Release gives the cache back as the task has left it. It is kept, unless it was purged meanwhile
// or there are enough of its name; then the least recently used goes.
func (c *Cache) Release() error {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	e := c.entry
	if e.doomed {
		return c.drop()
	}
	if !isDir(e.Location) {
		p.config.Logger.Warn("dircache: a cache did not come back; it is forgotten", "cache", e.Key, "location", e.Location)
		return c.drop()
	}
	e.InUse, e.LastUsed = false, p.config.Now().UTC()
	p.trim(e.Key)
	if err := p.save(); err != nil {
		return fmt.Errorf("dircache: %w", err)
	}
	return nil
}

// Discard gives the cache back to be deleted.
func (c *Cache) Discard() error {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return c.drop()
}

// drop removes the cache. One that cannot be set aside stays in use, so that nobody gets it.
func (c *Cache) drop() error {
	err := c.pool.remove(c.entry)
	if err == nil {
		err = c.pool.save()
	}
	if err != nil {
		return fmt.Errorf("dircache: %w", err)
	}
	return nil
}

// trim removes the free caches of a name that are too many.
func (p *Pool) trim(name string) {
	free := slices.DeleteFunc(slices.Clone(p.entries[name]), func(e *entry) bool { return e.InUse })
	slices.SortFunc(free, func(a, b *entry) int { return b.LastUsed.Compare(a.LastUsed) })
	for _, e := range free[min(p.config.Keep, len(free)):] {
		if err := p.remove(e); err != nil {
			p.config.Logger.Warn("dircache: a cache that is not needed is left", "error", err)
		}
	}
}

// Empty tells whether there is no cache at all.
func (p *Pool) Empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.entries) == 0
}
