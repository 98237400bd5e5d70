package tasklog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"sync"

	"github.com/klauspost/compress/flate"
)

// NewReader reads the log from offset, in bytes before compression, and follows it until the
// log is closed and read to its end, the reader is closed, or ctx ends (then Read fails with
// ctx's cause). An offset beyond the end waits for the log to get there. A reader holds up
// nobody, however slow it is. Read must not be called concurrently; Close may.
func (l *Log) NewReader(ctx context.Context, offset int64) io.ReadCloser {
	return &reader{log: l, ctx: ctx, offset: max(0, offset), done: make(chan struct{})}
}

// reader is one reader's place in the log.
type reader struct {
	log    *Log
	ctx    context.Context //nolint:containedctx // the reader's life, as io.Reader has no parameter for it
	offset int64           // of the next byte
	done   chan struct{}   // closed by Close
	once   sync.Once

	inflate io.ReadCloser // decompresses the spool; nil: not begun
	at      int64         // place of inflate's next byte in the log
}

// Close ends the reader. It is safe to repeat.
func (r *reader) Close() error {
	r.once.Do(func() { close(r.done) })
	return nil
}

// Read implements io.Reader; it returns as soon as there is anything.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if err := r.ended(); err != nil {
			return 0, err
		}
		n, changed, err := r.available(p)
		r.offset += int64(n)
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-changed:
		case <-r.done:
		case <-r.ctx.Done():
		}
	}
}

func (r *reader) ended() error {
	select {
	case <-r.done:
		return fmt.Errorf("tasklog: read: %w", fs.ErrClosed)
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	default:
		return nil
	}
}

// available reads what there is at the reader's place, or returns a channel that is closed
// when there is more.
func (r *reader) available(p []byte) (int, <-chan struct{}, error) {
	l := r.log
	l.mu.RLock()
	if r.offset >= l.size {
		l.mu.RUnlock()
		return r.wait()
	}
	spooled := l.size // bytes of the log that have left memory
	if len(l.blocks) > 0 {
		spooled = l.blocks[0].start
	}
	if r.offset >= spooled {
		n := l.copyBlocks(p, r.offset)
		l.mu.RUnlock()
		r.inflate = nil // it is of no more use, and large: many readers wait for more
		return n, nil, nil
	}
	from := l.nearest(r.offset)
	l.mu.RUnlock()
	n, err := r.readSpool(p[:min(int64(len(p)), spooled-r.offset)], from)
	return n, nil, err
}

// wait returns a channel that is closed at the next change, or io.EOF when there will be none.
func (r *reader) wait() (int, <-chan struct{}, error) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	if r.offset < l.size { // grown since the caller looked
		ready := make(chan struct{})
		close(ready)
		return 0, ready, nil
	}
	if l.closed {
		return 0, nil, io.EOF
	}
	return 0, l.changed, nil
}

// copyBlocks copies from the blocks in memory. The caller holds l.mu.
func (l *Log) copyBlocks(p []byte, offset int64) int {
	for _, b := range l.blocks {
		if at := offset - b.start; at < int64(b.used) {
			return copy(p, b.buf[at:b.used])
		}
	}
	return 0
}

// nearest finds where decompression can begin for offset. The caller holds l.mu.
func (l *Log) nearest(offset int64) mark {
	i := sort.Search(len(l.index), func(i int) bool { return l.index[i].start > offset })
	return l.index[i-1]
}

// readSpool fills a part of p, all of which is on disk, from the spool. The blocks are one deflate stream,
// so a reader that goes on where it was needs no new start.
func (r *reader) readSpool(p []byte, from mark) (int, error) {
	if r.inflate == nil || r.at != r.offset {
		r.inflate = flate.NewReader(bufio.NewReaderSize(&tail{file: r.log.file, offset: from.offset}, 32<<10))
		r.at = from.start
	}
	if skip := r.offset - r.at; skip > 0 {
		n, err := io.CopyN(io.Discard, r.inflate, skip)
		r.at += n
		if err != nil {
			return 0, r.broken(err)
		}
	}
	n, err := io.ReadAtLeast(r.inflate, p, 1)
	r.at += int64(n)
	if n > 0 {
		return n, nil
	}
	return 0, r.broken(err)
}

func (r *reader) broken(err error) error {
	r.inflate = nil
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("tasklog: read the spool: %w", err)
}

// tail reads a file that others append to; its end is only ever the end for now.
type tail struct {
	file   io.ReaderAt
	offset int64
}

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.file.ReadAt(p, t.offset)
	t.offset += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}
