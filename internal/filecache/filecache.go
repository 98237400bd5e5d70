// Package filecache keeps what was downloaded for tasks, so that it is downloaded once. It keeps
// its state in the reference's form (file-caches.json), and beside it the identities of the files
// whose hashes are known (workerkit-file-hashes.json), which the reference does not read.
package filecache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/tc"
)

// Config is what a Cache is made of.
type Config struct {
	Dir     string // has the files; made when it is missing
	State   string // file-caches.json; the file of the hashes is beside it
	Fetcher *fetch.Fetcher
	Logger  *slog.Logger
	Now     func() time.Time
}

// ErrClosed means that the cache has been closed, which ends downloads.
var ErrClosed = errors.New("the worker is shutting down")

// Cache is a store of downloads. It is safe for concurrent use; one process at a time may have a
// directory and a state file.
type Cache struct {
	Config
	ctx   context.Context //nolint:containedctx // of the downloads, which outlive a request; Close ends it
	stop  context.CancelCauseFunc
	owned sync.WaitGroup // downloads, and the writing of the state

	mu      sync.Mutex
	closed  bool
	entries map[string]*entry
	flights map[string]*flight
	dirty   bool // the state has to be written
	saving  bool
}

// entry is a complete file. Cache.mu guards it.
type entry struct {
	key, name string // the name is of the file, in the directory
	sha256    string // "" when not known: of an entry of the reference
	size      int64
	created   time.Time
	used      time.Time
	hits      int
	id        identity // of the file when its hash was found out; zero: it has to be
	synced    bool     // is on disk
	users     int
	dropped   bool // its file goes with the last user
}

// Open opens the cache and removes what is left in its directory of downloads that were not
// completed. A state file that is missing or damaged is a warning: what it should have listed is
// removed as well.
func Open(c Config) (*Cache, error) {
	for _, path := range []*string{&c.Dir, &c.State} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return nil, fmt.Errorf("file cache: %w", err)
		}
		*path = absolute
	}
	if err := private.MkdirAll(c.Dir); err != nil {
		return nil, fmt.Errorf("file cache: %w", err)
	}
	cache := &Cache{Config: c, flights: map[string]*flight{}}
	cache.ctx, cache.stop = context.WithCancelCause(context.Background())
	cache.entries = cache.load()
	if err := cache.sweep(); err != nil {
		return nil, fmt.Errorf("file cache: %w", err)
	}
	return cache, nil
}

// Get begins to download a content, or joins the download that others wait for. It returns when it
// has begun, that is, when it is known where it comes from, or at once when the file is here.
// An artifact that is not public and was fetched on behalf of another task is given only to those
// who may get it from the queue. An inline content is not kept: every payload brings it along. What
// Get returns has to be released.
func (c *Cache) Get(ctx context.Context, content fetch.Content, as fetch.Access) (*File, error) {
	content, err := c.Fetcher.Resolve(ctx, content, as)
	if err != nil {
		return nil, err
	}
	for {
		f := &File{cache: c, content: content, key: content.Key(), want: content.SHA256, as: as}
		again, err := c.get(ctx, f)
		if err == nil {
			return f, nil
		}
		f.Release()
		if !again {
			return nil, err
		}
	}
}

// get gives f what is known when Get returns. After an error that is only somebody else's, it may be
// done again.
func (c *Cache) get(ctx context.Context, f *File) (again bool, err error) {
	first, err := c.admit(f) //nolint:contextcheck // a download outlives the one who asks first
	if err != nil {
		return false, err
	}
	if !first && restricted(f.content) {
		if err := c.Fetcher.Allowed(ctx, f.content, f.as); err != nil {
			return false, err
		}
	}
	err = f.begun(ctx)
	return !first && tc.Status(err) == http.StatusForbidden, err // asked with another one's credentials
}

// restricted tells whether not everybody may have a content.
func restricted(content fetch.Content) bool {
	return content.TaskID != "" && !strings.HasPrefix(content.Artifact, "public/")
}

// admit gives f an entry or a flight, and tells whether the flight is for f first.
func (c *Cache) admit(f *File) (first bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false, ErrClosed
	}
	if flight := c.flights[f.key]; flight != nil {
		flight.join(f)
		return false, nil
	}
	old := c.entries[f.key]
	if old != nil && f.want != "" && old.sha256 != "" && old.sha256 != f.want {
		c.Logger.Info("a download is not what a task expects, and is fetched anew", "source", f.content.String(), "file", old.name)
		c.drop(old)
		old = nil
	}
	if old != nil && old.sha256 != "" && c.untouched(old) {
		c.use(f, old, true)
		old.hits++
		return false, nil
	}
	c.begin(f, old)
	return old == nil, nil
}

// use gives f an entry. c.mu is held.
func (c *Cache) use(f *File, e *entry, hit bool) {
	f.entry, f.hit = e, hit
	e.users++
	e.used = c.Now()
}

// untouched tells whether the file is the one whose hash is known.
func (c *Cache) untouched(e *entry) bool {
	id, err := identify(c.path(e))
	return err == nil && e.id == id && id != identity{}
}

func (c *Cache) path(e *entry) string { return filepath.Join(c.Dir, e.name) }

// drop forgets an entry; its file goes when nobody uses it. c.mu is held.
func (c *Cache) drop(e *entry) {
	if e.dropped {
		return
	}
	e.dropped = true
	if c.entries[e.key] == e {
		delete(c.entries, e.key)
	}
	c.changed()
	if e.users == 0 {
		c.remove(e)
	}
}

func (c *Cache) remove(e *entry) {
	if err := os.Remove(c.path(e)); err != nil && !os.IsNotExist(err) {
		c.Logger.Warn("a download that is not needed any more is left until the next start", "error", err)
	}
}

// Close ends the downloads and writes the state. It returns when all has ended, or ctx has.
func (c *Cache) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed, c.dirty = true, true // files that are still in use have not been listed
	c.mu.Unlock()
	c.stop(ErrClosed)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.owned.Wait()
		c.save()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("file cache: close: %w", context.Cause(ctx))
	}
}
