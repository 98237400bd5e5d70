// Package tasklog is the log of one task run: written once, in order, read by many while it
// grows, and stored gzip-compressed.
//
// What is written goes into a block in memory. Full blocks are compressed on all cores and
// appended to one gzip file, the spool, so little is left to do when the task ends, and memory
// is bounded however long the log gets: a writer that is faster than the compression waits.
// Readers are served from the blocks that are still in memory, else by decompressing the
// spool from the nearest block on, so they cost the writer nothing and the disk no second copy.
//
// The spool is a valid start of a gzip stream at any time and lags by a few seconds and blocks
// at most: after a crash, gunzip gives back the log until then.
package tasklog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/gzstream"
)

const (
	blockSize = gzstream.BlockSize
	// flushAfter is how long written text may stay in memory only.
	flushAfter = 5 * time.Second
)

// Log is the log of one run. Its methods may be called from any goroutine.
type Log struct {
	now  func() time.Time
	file *os.File

	// writing is held by whoever appends, so that nothing is torn; it may be held for long,
	// when the compression is behind. It protects the following fields.
	writing   sync.Mutex
	stream    *gzstream.Stream
	lineStart bool        // nothing, or a newline, was written last
	flush     *time.Timer // compresses what the open block has; nil when it has nothing new
	complete  bool        // stored and closeErr are known
	stored    Stored
	closeErr  error
	timers    sync.WaitGroup // calls of flush

	// mu protects what readers see, for short moments only. It is taken after writing.
	mu      sync.RWMutex
	size    int64
	closed  bool
	failed  error         // the spool could not be written
	blocks  []*block      // those in memory, in order; the last one may still grow
	index   []mark        // where the blocks begin that have left memory, in order
	changed chan struct{} // closed when size or closed change; nil while nobody waits
	free    [][]byte
}

// Stored is a complete log on disk.
type Stored struct {
	Path           string // of the gzip file
	Size           int64  // of the log, in bytes, before compression
	CompressedSize int64  // of the file
}

// New opens a log whose spool is a new owner-only file in dir. now gives the time for the
// prefix of lines.
func New(dir string, now func() time.Time) (*Log, error) {
	file, err := os.CreateTemp(dir, spoolPattern) // mode 0600
	if err != nil {
		return nil, fmt.Errorf("tasklog: create the spool: %w", err)
	}
	return &Log{
		now:       now,
		file:      file,
		stream:    gzstream.NewStream(file, gzstream.Workers()),
		lineStart: true,
	}, nil
}

// Write appends task output byte for byte and as a whole: nothing else gets in between. It
// waits while the compression is behind. After Close it fails with fs.ErrClosed; when the spool
// cannot be written (a full disk), it and every later call fail.
func (l *Log) Write(p []byte) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.append(p)
}

// Size is the length of the log so far, in bytes before compression.
func (l *Log) Size() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.size
}

// Close completes the log: the spool is whole when it returns, and readers get to the end. What
// is written later is lost. Calling it again gives the same result. With an error (a full disk)
// what could be stored of the log is in Stored, whose Path is empty when nothing could.
func (l *Log) Close() (Stored, error) {
	l.writing.Lock()
	if !l.complete {
		l.complete = true
		l.stored, l.closeErr = l.finish()
	}
	stored, err := l.stored, l.closeErr
	l.writing.Unlock()
	l.timers.Wait()
	return stored, err
}

// Remove closes the log and deletes the spool. Readers that have not come to the end fail.
// Calling it again does nothing.
func (l *Log) Remove() error {
	_, _ = l.Close() // a log that is thrown away need not be whole
	if err := l.file.Close(); errors.Is(err, os.ErrClosed) {
		return nil
	}
	if err := os.Remove(l.file.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("tasklog: remove the spool: %w", err)
	}
	return nil
}

// finish ends the stream. The caller holds l.writing.
func (l *Log) finish() (Stored, error) {
	sealing := l.seal()
	totals, err := l.stream.Close()
	if err == nil {
		err = sealing
	}
	l.mu.Lock()
	l.closed = true
	l.free = nil
	l.wake()
	l.mu.Unlock()
	if err != nil {
		return l.salvage(err)
	}
	return Stored{Path: l.file.Name(), Size: totals.Size, CompressedSize: totals.CompressedSize}, nil
}

// salvageTime bounds how long what is on disk of a log may take to be completed.
const salvageTime = 10 * time.Second

var errSalvage = errors.New("what is on disk could not be read in time")

// salvage completes what is on disk of a log of which more could not be stored.
func (l *Log) salvage(problem error) (Stored, error) {
	begin := time.Now()
	last := fmt.Sprintf("the log ends here, as the rest could not be stored: %v", problem)
	stored, err := recoverSpool(l.file.Name(), last, func() error {
		if time.Since(begin) > salvageTime {
			return errSalvage
		}
		return nil
	})
	return stored, fmt.Errorf("tasklog: %w", errors.Join(problem, err))
}
