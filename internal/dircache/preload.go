package dircache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/internal/private"
)

// adopt makes caches of the preloaded directories that have not been any yet. One on the same file
// system moves here; another is copied in the background, and tasks that want the cache wait
// for that. What goes wrong costs the preloaded content, not the worker.
func (p *Pool) adopt(ctx context.Context) {
	if len(p.config.Preloaded) == 0 {
		return
	}
	adopted, err := readAdopted(p.config.Adopted)
	if err != nil { // one that was purged must not come back
		p.config.Logger.Warn("dircache: which preloaded caches were adopted is not known; none is", "error", err)
		return
	}
	var copies []Preloaded
	for _, one := range p.config.Preloaded {
		if slices.Contains(adopted, one) {
			continue
		}
		err := p.move(one)
		switch {
		case err == nil:
			adopted = append(adopted, one)
			p.noteAdopted(adopted)
		case isCrossDevice(err):
			p.coming[one.Name] = make(chan struct{})
			copies = append(copies, one)
		default:
			p.config.Logger.Warn("dircache: a preloaded cache is not adopted", "cache", one.Name, "directory", one.Dir, "error", err)
		}
	}
	if len(copies) > 0 {
		p.owned.Go(func() { p.copyAll(ctx, copies, adopted) })
	}
}

// newPreloaded makes an entry that is as old as the content, so that requests to purge what was
// made until now reach it.
func (p *Pool) newPreloaded(one Preloaded) (*entry, error) {
	info, err := os.Lstat(one.Dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a directory")
	}
	if err != nil {
		return nil, err
	}
	return &entry{
		Created: info.ModTime().UTC(), LastUsed: p.config.Now().UTC(),
		Location: filepath.Join(p.config.Dir, slugid.Nice()), Key: one.Name,
	}, nil
}

// move makes a directory a cache by renaming it. The state says so before, as what is here without
// it is deleted.
func (p *Pool) move(one Preloaded) error {
	e, err := p.newPreloaded(one)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries[one.Name] = append(p.entries[one.Name], e)
	if err = p.save(); err == nil {
		err = os.Rename(one.Dir, e.Location)
	}
	if err != nil {
		p.forget(e)
		return errors.Join(err, p.save())
	}
	claim(e.Location)
	p.config.Logger.Info("dircache: adopted a preloaded cache", "cache", one.Name, "directory", one.Dir)
	return nil
}

// copyAll makes caches of copies of directories.
func (p *Pool) copyAll(ctx context.Context, all, adopted []Preloaded) {
	for _, one := range all {
		began := time.Now()
		err := p.copy(ctx, one)
		if err == nil {
			adopted = append(adopted, one)
			p.noteAdopted(adopted)
			p.config.Logger.Info("dircache: adopted a copy of a preloaded cache", "cache", one.Name, "directory", one.Dir, "took", time.Since(began))
		} else if ctx.Err() == nil {
			p.config.Logger.Warn("dircache: a preloaded cache is not adopted", "cache", one.Name, "directory", one.Dir, "error", err)
		}
		p.mu.Lock()
		close(p.coming[one.Name])
		delete(p.coming, one.Name)
		p.mu.Unlock()
	}
}

// copy has the cache in use meanwhile: a request to purge it is kept in mind, and half of it is of no use after
// a new start.
func (p *Pool) copy(ctx context.Context, one Preloaded) error {
	e, err := p.newPreloaded(one)
	if err != nil {
		return err
	}
	e.InUse = true
	p.mu.Lock()
	p.entries[one.Name] = append(p.entries[one.Name], e)
	err = p.save()
	p.mu.Unlock()
	if err == nil {
		err = copyTree(ctx, e.Location, one.Dir)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || e.doomed {
		return errors.Join(err, p.remove(e), p.save())
	}
	e.InUse = false
	return p.save()
}

// awaitCopy waits until a preloaded cache of the name is there.
func (p *Pool) awaitCopy(ctx context.Context, name string) error {
	p.mu.Lock()
	coming, ok := p.coming[name]
	p.mu.Unlock()
	if !ok {
		return nil
	}
	select {
	case <-coming:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func readAdopted(path string) (adopted []Preloaded, err error) {
	data, _, err := private.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &adopted)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return adopted, nil
}

func (p *Pool) noteAdopted(adopted []Preloaded) {
	data, err := json.Marshal(adopted)
	if err == nil {
		err = private.Write(p.config.Adopted, data)
	}
	if err != nil {
		p.config.Logger.Warn("dircache: that a preloaded cache was adopted is not noted", "error", err)
	}
}
