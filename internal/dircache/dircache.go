// Package dircache is the pool of the worker's writable caches: directories that one task leaves
// for the next, by name. It keeps them in one folder and what it knows of them in one file, in the
// public worker's form, so that caches outlive an exchange of the programs.
//
// A cache belongs to one task at a time. Before it does, the file says so; what was in use when the
// worker was killed is therefore removed at the next start, and no task ever sees half of what
// another one wrote. Directories are renamed aside when they are to go, and deleted behind the
// tasks' backs, however big they are.
package dircache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/bind"
	"github.com/workerkit/workerkit/internal/private"
)

// Config is what a pool works with. All of it is needed but Preloaded.
type Config struct {
	Dir   string // where the caches are; made for this user alone
	State string // the file that says what the caches are
	// Adopted is the file that says which of Preloaded have become caches.
	Adopted   string
	Preloaded []Preloaded
	Keep      int // how many free copies of one cache are kept at most
	Logger    *slog.Logger
	Now       func() time.Time
}

// Preloaded is a directory of the machine that becomes a cache, once.
type Preloaded struct {
	Name string `json:"cacheName"`
	Dir  string `json:"directory"`
}

// Pool is the caches of a worker. It is safe for concurrent use.
type Pool struct {
	config Config
	trash  *trash
	owned  sync.WaitGroup
	stop   context.CancelFunc

	mu      sync.Mutex               // also held while the state is written: what it says is what is so
	entries map[string][]*entry      // by the cache's name
	coming  map[string]chan struct{} // names of caches that are being copied from preloaded directories; closed when they are there
}

// Open opens the pool, puts right what a worker that was killed has left, and adopts what is
// preloaded. A state file that cannot be understood costs the caches, not the start.
func Open(c Config) (*Pool, error) {
	if err := private.MkdirAll(c.Dir); err != nil {
		return nil, fmt.Errorf("dircache: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Pool{config: c, stop: stop, coming: map[string]chan struct{}{}}
	p.trash = newTrash(c.Dir, c.Logger)
	read, err := readState(c.State)
	if err != nil {
		c.Logger.Warn("dircache: what the caches are is not known; they are deleted", "error", err)
	}
	p.entries = read
	if err := errors.Join(p.repair(), p.sweep()); err != nil {
		return nil, errors.Join(fmt.Errorf("dircache: %w", err), p.Close())
	}
	p.adopt(ctx)
	return p, nil
}

// Close ends what goes on in the background, and waits for that. What could not be deleted yet is
// at the next start.
func (p *Pool) Close() error {
	p.stop()
	p.owned.Wait()
	p.trash.close()
	return nil
}

// repair makes the state and what is on disk agree.
func (p *Pool) repair() error {
	var problems []error
	before := 0
	wrong := func(e *entry) bool {
		before++
		switch {
		case !p.ours(e.Location):
			p.config.Logger.Warn("dircache: a cache is not in the folder of caches; it is forgotten", "cache", e.Key, "location", e.Location)
		case e.InUse:
			p.config.Logger.Warn("dircache: a cache was in use when the worker ended; it is deleted", "cache", e.Key, "location", e.Location)
			if err := bind.Hide(e.Location); err != nil {
				p.config.Logger.Warn("dircache: a task's mount of a cache is left", "error", err)
			}
			problems = append(problems, p.trash.discard(e.Location))
		case !isDir(e.Location):
			p.config.Logger.Warn("dircache: a cache is no longer there; it is forgotten", "cache", e.Key, "location", e.Location)
		default:
			return false
		}
		return true
	}
	after := 0
	for name, list := range p.entries {
		list = slices.DeleteFunc(list, wrong)
		after += len(list)
		p.set(name, list)
	}
	if before != after {
		problems = append(problems, p.save())
	}
	return errors.Join(problems...)
}

// ours tells whether a path is that of a cache: in the folder, and not what is to be deleted there.
func (p *Pool) ours(location string) bool {
	dir, err := filepath.Abs(p.config.Dir)
	if err != nil {
		return false
	}
	path, err := filepath.Abs(location)
	return err == nil && filepath.Dir(path) == dir && !isTrash(filepath.Base(path))
}

// sweep has all deleted that is in the folder and belongs to no cache. What has none of our names
// is somebody else's.
func (p *Pool) sweep() error {
	known := map[string]bool{}
	for _, list := range p.entries {
		for _, e := range list {
			known[filepath.Base(e.Location)] = true
		}
	}
	found, err := os.ReadDir(p.config.Dir)
	if err != nil {
		return err
	}
	for _, f := range found {
		name, path := f.Name(), filepath.Join(p.config.Dir, f.Name())
		switch {
		case isTrash(name):
			p.trash.add(path)
		case isSlug(name) && !known[name]:
			if err := p.trash.discard(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// set gives a name its entries. p.mu is held, or nobody else knows of p yet.
func (p *Pool) set(name string, list []*entry) {
	if len(list) == 0 {
		delete(p.entries, name)
	} else {
		p.entries[name] = list
	}
}

// save writes the state. p.mu is held, or nobody else knows of p yet.
func (p *Pool) save() error { return writeState(p.config.State, p.entries) }

// isSlug tells whether a name looks like those that caches have, here and in the public worker.
func isSlug(name string) bool {
	ok, err := regexp.MatchString(`^[A-Za-z0-9_-]{22}$`, name)
	return ok && err == nil
}

func isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}
