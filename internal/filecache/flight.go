package filecache

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/tc"
)

// errLeft ends a download that nobody waits for.
var errLeft = errors.New("nobody waits for the download any more")

// flight is a download, or the check of a file that has been touched, that several wait for.
type flight struct {
	cache   *Cache
	content fetch.Content
	want    string // of who began it
	old     *entry // to be checked; nil: there is none
	stop    context.CancelCauseFunc

	begun    chan struct{}   // closed when download or err is set, or the check is over
	ended    chan struct{}   // closed when each of members has its entry, or err is set
	download *fetch.Download // set before begun is closed
	took     time.Duration   // set before ended is closed

	mu      sync.Mutex // guards what follows; taken after Cache.mu
	members []*File
	err     error
}

// begin makes a flight for f. c.mu is held.
func (c *Cache) begin(f *File, old *entry) {
	content := f.content
	content.SHA256 = "" // what one expects must not fail it for the others
	ctx, stop := context.WithCancelCause(c.ctx)
	flight := &flight{
		cache: c, content: content, want: f.want, old: old, stop: stop,
		begun: make(chan struct{}), ended: make(chan struct{}),
	}
	c.flights[f.key] = flight
	flight.join(f)
	c.owned.Go(func() {
		defer stop(nil)
		flight.run(ctx, f.key)
	})
}

// join adds one who waits. Cache.mu is held.
func (f *flight) join(file *File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file.flight = f
	f.members = append(f.members, file)
}

// leave removes one who waits; the last one ends it. Cache.mu is held.
func (f *flight) leave(file *File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = slices.DeleteFunc(f.members, func(m *File) bool { return m == file })
	if len(f.members) > 0 {
		return
	}
	f.stop(errLeft)
	if f.cache.flights[file.key] == f {
		delete(f.cache.flights, file.key)
	}
}

// access acts for those who wait: any of them may leave.
func (f *flight) access() fetch.Access {
	credentials := func() tc.Credentials {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.members) == 0 || f.members[0].as.Credentials == nil {
			return tc.Credentials{}
		}
		return f.members[0].as.Credentials()
	}
	log := func(format string, args ...any) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, m := range f.members {
			if m.as.Log != nil {
				m.as.Log(format, args...)
			}
		}
	}
	return fetch.Access{Credentials: credentials, Log: log}
}

func (f *flight) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// run brings it to its end.
func (f *flight) run(ctx context.Context, key string) {
	if f.old != nil && f.check(ctx) {
		f.land(key, f.old, nil)
		close(f.begun)
		return
	}
	if ctx.Err() != nil {
		f.land(key, nil, context.Cause(ctx))
		close(f.begun)
		return
	}
	if f.old != nil {
		f.cache.mu.Lock()
		f.cache.drop(f.old)
		f.cache.mu.Unlock()
		f.old = nil
	}
	e := &entry{key: key, name: slugid.Nice()}
	var err error
	if f.download, err = f.cache.Fetcher.Start(ctx, f.content, f.access(), f.cache.path(e)); err != nil {
		f.land(key, nil, err)
		close(f.begun)
		return
	}
	close(f.begun)
	// It ends with ctx; waiting for its very end leaves no file behind.
	result, err := f.download.Wait(context.WithoutCancel(ctx))
	f.took = result.Duration
	e.sha256, e.size = result.SHA256, result.Size
	if err == nil {
		e.id, err = identify(f.cache.path(e))
	}
	if err != nil {
		f.land(key, nil, err)
		return
	}
	f.land(key, e, nil)
}

// check tells whether the old file is what the entry says and the first one expects.
func (f *flight) check(ctx context.Context) bool {
	c, e := f.cache, f.old
	began := c.Now()
	got, id, err := hash(ctx, c.path(e))
	f.took = c.Now().Sub(began)
	c.mu.Lock()
	defer c.mu.Unlock()
	wrong := err == nil && (e.sha256 != "" && e.sha256 != got || f.want != "" && f.want != got)
	switch {
	case e.dropped || os.IsNotExist(err):
		return false
	case err != nil || wrong:
		if ctx.Err() == nil {
			c.Logger.Warn("a download has been changed or cannot be read, and is fetched anew", "source", f.content.String(), "file", e.name, "error", err)
		}
		return false
	}
	e.sha256, e.size, e.id = got, id.Size, id
	e.hits++
	return true
}

// land gives those who wait the entry or the error.
func (f *flight) land(key string, e *entry, err error) {
	c := f.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	current := c.flights[key] == f
	if current {
		delete(c.flights, key)
	}
	f.err = err
	if e != nil {
		if f.old == nil {
			e.created = c.Now()
		}
		switch {
		case current && f.content.Inline():
			e.dropped = true // it goes with the last one who uses it
		case current:
			c.entries[key] = e
		case c.entries[key] != e:
			e.dropped = true // all have left, and a younger flight may be on its way
			c.remove(e)
		}
		for _, m := range f.members { // whose release has the state written
			c.use(m, e, f.old != nil)
		}
	}
	close(f.ended)
}
