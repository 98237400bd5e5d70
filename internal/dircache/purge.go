package dircache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/workerkit/workerkit/internal/rmtree"
)

// slack is by how much the clocks of this machine and of the purge-cache service may differ.
const slack = 5 * time.Minute

// Purge deletes the caches of a name that were made before that time, and returns how many. Those
// in use are deleted when they are given back.
func (p *Pool) Purge(name string, before time.Time) (purged int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var problems []error
	for _, e := range slices.Clone(p.entries[name]) {
		if e.doomed || !e.Created.Add(-slack).Before(before) {
			continue
		}
		purged++
		if e.doomed = true; e.InUse {
			continue
		}
		if err := p.remove(e); err != nil {
			e.InUse = true // nobody gets it
			problems = append(problems, err)
		}
	}
	if purged > 0 {
		problems = append(problems, p.save())
	}
	if err := errors.Join(problems...); err != nil {
		return purged, fmt.Errorf("dircache: purge the cache %s: %w", name, err)
	}
	return purged, nil
}

// Collect deletes caches that are free, the least recently used first, until it has freed so many
// bytes; it is a room.Collector. What is being deleted anyway is waited for.
func (p *Pool) Collect(ctx context.Context, need uint64) (freed uint64, err error) {
	if p.trash.empty(ctx) {
		freed++ // some
	}
	var problems []error
	for freed < need && ctx.Err() == nil {
		path, err := p.oldest()
		if err != nil {
			problems = append(problems, err)
		}
		if path == "" {
			break
		}
		bytes := rmtree.Size(path)
		if err := p.trash.remove(path, func() bool { return ctx.Err() != nil }); err != nil {
			problems = append(problems, err)
			continue
		}
		if ctx.Err() != nil {
			p.trash.add(path) // the rest of it
		}
		freed += bytes
	}
	return freed, errors.Join(problems...)
}

// oldest forgets the free cache that was used longest ago and returns where it was set aside; "" is
// that there is none.
func (p *Pool) oldest() (path string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var oldest *entry
	for _, list := range p.entries {
		for _, e := range list {
			if !e.InUse && isDir(e.Location) && (oldest == nil || e.LastUsed.Before(oldest.LastUsed)) {
				oldest = e
			}
		}
	}
	if oldest == nil {
		return "", nil
	}
	path, err = p.trash.take(oldest.Location)
	if err != nil {
		return "", fmt.Errorf("dircache: %w", err)
	}
	p.forget(oldest)
	if err := p.save(); err != nil {
		return path, fmt.Errorf("dircache: %w", err)
	}
	return path, nil
}
