package filecache

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
)

// File is a use of a file of the cache, which stays until it is released.
type File struct {
	cache   *Cache
	content fetch.Content
	key     string
	want    string // SHA-256; "" when any will do
	as      fetch.Access
	flight  *flight // nil: the file was here

	// Cache.mu guards what follows.
	entry    *entry
	hit      bool
	released bool
}

// Info describes a complete file.
type Info struct {
	Path     string // not to be changed
	SHA256   string // in hex
	Size     int64
	Hit      bool          // it was here
	Source   string        // where it comes from, for the log
	Duration time.Duration // of the download
}

// Here tells whether the file was complete when it was asked for, so that nothing is downloaded.
func (f *File) Here() bool { return f.flight == nil || f.flight.download == nil }

// begun waits until it is known that there is something to wait for.
func (f *File) begun(ctx context.Context) error {
	if f.flight == nil {
		return nil
	}
	select {
	case <-f.flight.begun:
		return f.flight.failed()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Wait waits until the file is complete and is what the payload says, or for the end of ctx, which
// does not end the download.
func (f *File) Wait(ctx context.Context) (Info, error) {
	if f.flight != nil {
		select {
		case <-f.flight.ended:
		case <-ctx.Done():
			return Info{}, context.Cause(ctx)
		}
		if err := f.flight.failed(); err != nil {
			return Info{}, err
		}
	}
	return f.info()
}

// info compares what is here with what the payload says. What differs so soon after it came is not
// kept for others.
func (f *File) info() (Info, error) {
	c := f.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	e := f.entry
	if e == nil {
		return Info{}, errors.New("file cache: the file has been released")
	}
	if f.want != "" {
		if err := fetch.Verify(f.content, e.sha256, f.want); err != nil {
			c.drop(e)
			return Info{}, err
		}
	}
	i := Info{Path: c.path(e), SHA256: e.sha256, Size: e.size, Hit: f.hit, Source: f.content.String()}
	if f.flight != nil {
		i.Duration = f.flight.took
	}
	return i, nil
}

// Open reads the file from its beginning while it is downloaded. The last Read gives the error of
// the download, or that the file is not what the payload says, or the cause of ctx. It has to be
// closed, before the file is released.
func (f *File) Open(ctx context.Context) (io.ReadCloser, error) {
	if f.flight != nil && f.flight.download != nil {
		r, err := f.flight.download.Open(ctx)
		if err != nil {
			return nil, err
		}
		return &checked{ReadCloser: r, ctx: ctx, file: f}, nil
	}
	info, err := f.Wait(ctx)
	if err != nil {
		return nil, err
	}
	return os.Open(info.Path)
}

// checked ends with what Wait says.
type checked struct {
	io.ReadCloser
	ctx  context.Context //nolint:containedctx // of Open, which a Reader has no parameter for
	file *File
}

// Read implements io.Reader.
func (r *checked) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err == io.EOF { //nolint:errorlint // a Reader's end is the very value
		if _, wrong := r.file.Wait(r.ctx); wrong != nil {
			return n, wrong
		}
	}
	return n, err
}

// Release ends this use of the file. The last one who leaves a download ends it. It may be called
// again.
func (f *File) Release() {
	c := f.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.released {
		return
	}
	f.released = true
	if f.flight != nil {
		f.flight.leave(f)
	}
	e := f.entry
	if e == nil {
		return
	}
	f.entry = nil
	e.users--
	e.used = c.Now()
	c.changed()
	if e.dropped && e.users == 0 {
		c.remove(e)
	}
}
