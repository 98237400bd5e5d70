package fetch

import (
	"context"
	"io"
	"io/fs"
	"os"
)

// Open gives a reader that follows the file while it grows. It ends with the file when the download
// has succeeded and its hashes are right, and with the download's error when not, or with the cause
// of ctx. It has to be closed.
func (d *Download) Open(ctx context.Context) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, d.err
	}
	if d.users == 0 {
		return os.Open(d.path)
	}
	d.users++
	f := &follower{download: d, ctx: ctx}
	d.follow[f] = struct{}{}
	return f, nil
}

// follower reads a file while it grows.
type follower struct {
	download *Download
	ctx      context.Context //nolint:containedctx // of Open, which a Reader has no parameter for
	at       int64           // bytes read, or being read; download.mu guards it, and what follows
	err      error
	closed   bool
}

// Read implements io.Reader.
func (f *follower) Read(p []byte) (int, error) {
	d := f.download
	for {
		at, n, wait, err := f.next(int64(len(p)))
		if err != nil {
			return 0, err
		}
		if n > 0 {
			if got, err := d.file.ReadAt(p[:n], at); err != nil && int64(got) < n && f.broken() == nil {
				return 0, err
			}
			return int(n), f.broken()
		}
		if len(p) == 0 {
			return 0, nil
		}
		select {
		case <-wait:
		case <-f.ctx.Done():
			return 0, context.Cause(f.ctx)
		}
	}
}

// next takes up to most bytes to be read at a place; when there are none, wait is closed when that
// changes.
func (f *follower) next(most int64) (at, n int64, wait <-chan struct{}, err error) {
	d := f.download
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case f.closed:
		return 0, 0, nil, fs.ErrClosed
	case f.err != nil:
		return 0, 0, nil, f.err
	case d.done && d.err != nil:
		return 0, 0, nil, d.err
	case f.ctx.Err() != nil:
		return 0, 0, nil, context.Cause(f.ctx)
	}
	at, n = f.at, min(most, d.size-f.at)
	f.at += n
	if n == 0 && d.done {
		return 0, 0, nil, io.EOF
	}
	if n == 0 {
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		wait = d.changed
	}
	return at, n, wait, nil
}

// broken is why the bytes that were just read are not good.
func (f *follower) broken() error {
	f.download.mu.Lock()
	defer f.download.mu.Unlock()
	return f.err
}

// Close implements io.Closer.
func (f *follower) Close() error {
	d := f.download
	d.mu.Lock()
	if f.closed {
		d.mu.Unlock()
		return fs.ErrClosed
	}
	f.closed = true
	delete(d.follow, f)
	d.mu.Unlock()
	return d.release()
}

// length is how many bytes may be read.
func (d *Download) length() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.size
}

// grown lets bytes be read.
func (d *Download) grown(size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.size = size
	d.wake()
}

// cut shortens the file, and ends the readers that have had more of it.
func (d *Download) cut(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if size >= d.size {
		return nil
	}
	d.size = size
	for f := range d.follow {
		if f.at > size {
			f.err = ErrChanged
		}
	}
	d.wake()
	return d.file.Truncate(size)
}
