package fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Result is what a complete download is.
type Result struct {
	SHA256   string // in hex
	Size     int64  // bytes
	Duration time.Duration
}

// Download is a content on its way into a file. Its methods may be called concurrently.
type Download struct {
	content  Content
	path     string
	file     *os.File
	finished chan struct{}

	mu      sync.Mutex
	users   int           // of file: the download itself and those who follow it
	size    int64         // bytes that may be read
	changed chan struct{} // closed when there is more, or the end; nil while nobody waits
	follow  map[*follower]struct{}
	done    bool
	result  Result
	err     error
}

// Start finds out where a content is and begins to download it into a new file, with mode 0600, at
// path. It returns when the place is known. The end of ctx ends the download. When the download
// fails its file is removed.
//
// Besides errors of the services and the network there are ErrMismatch and ErrNoSpace. All are meant
// for whoever wrote the task, and hold neither queries of URLs nor credentials.
func (f *Fetcher) Start(ctx context.Context, c Content, as Access, path string) (*Download, error) {
	began := f.Now()
	c, err := f.Resolve(ctx, c, as)
	if err != nil {
		return nil, reason(ctx, err)
	}
	var from source
	var at location
	if c.Inline() {
		from, err = newInline(c)
	} else if at, err = f.locate(ctx, c, as); err == nil {
		from = &transfer{fetcher: f, ctx: ctx, content: c, as: as, at: at, total: -1}
	}
	if err != nil {
		return nil, reason(ctx, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, c.wrap(err)
	}
	d := &Download{content: c, path: path, file: file, finished: make(chan struct{}), users: 1, follow: map[*follower]struct{}{}}
	w := newWriter(d, as, f.Now, at.hashes)
	go func() { // Wait waits for it
		err := w.all(from)
		if err == nil {
			err = w.verify(at)
		}
		d.end(Result{SHA256: w.sum("sha256"), Size: w.at, Duration: f.Now().Sub(began)}, reason(ctx, err))
	}()
	return d, nil
}

// source is where the bytes come from.
type source interface {
	// open gives all bytes from the first one on. done ends that.
	open() (plain io.Reader, done func(), err error)
	// explain adds to an error of reading plain what can be said about it; nil: it must be opened again.
	explain(err error) error
	close()
}

// inline is a content that is in the payload.
type inline []byte

func newInline(c Content) (inline, error) {
	data, err := c.Bytes()
	return data, err
}

func (i inline) open() (io.Reader, func(), error) { return bytes.NewReader(i), func() {}, nil }
func (i inline) explain(err error) error          { return err }
func (i inline) close()                           {}

// wrap says what could not be had and, when the disk is full, what to do.
func (c Content) wrap(err error) error {
	if full(err) {
		return fmt.Errorf("%s: %w: ask whoever runs the worker for more space, or mount less: %w", c, ErrNoSpace, err)
	}
	return fmt.Errorf("%s: %w", c, err)
}

// end publishes the result.
func (d *Download) end(r Result, err error) {
	if err != nil {
		_ = os.Remove(d.path) // where an open file cannot be removed, the last release does it
	}
	d.mu.Lock()
	d.done, d.result, d.err = true, r, err
	d.wake()
	d.mu.Unlock()
	if closed := d.release(); closed != nil && err == nil {
		_ = os.Remove(d.path)
		d.mu.Lock()
		d.err = d.content.wrap(closed)
		d.mu.Unlock()
	}
	close(d.finished)
}

// wake tells those who wait. d.mu is held.
func (d *Download) wake() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// release closes the file when nobody uses it any more.
func (d *Download) release() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users--; d.users > 0 {
		return nil
	}
	err := d.file.Close()
	if d.err != nil {
		_ = os.Remove(d.path)
	}
	return err
}

// Wait waits for the end of the download, or of ctx, which does not end the download.
func (d *Download) Wait(ctx context.Context) (Result, error) {
	select {
	case <-d.finished:
		return d.result, d.err
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	}
}

// Verify compares the SHA-256 of a content with the expected one, both in hex. The error is an
// ErrMismatch.
func Verify(c Content, got, want string) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s: %w: its SHA256 is %s, and the task's payload says %s: put the right one there if this is the content that the task needs", c, ErrMismatch, got, want)
}
