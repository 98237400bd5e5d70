package tasklog

import (
	"fmt"
	"hash/crc32"
	"io/fs"
	"slices"
	"time"

	"github.com/workerkit/workerkit/internal/gzstream"
)

// block is a stretch of the log in memory. It is compressed in one part or, when text comes
// slowly, in several, of which each has the earlier ones as its dictionary. Decompression can
// begin where a block begins. The fields are protected by Log.mu; only the holder of
// Log.writing changes used, added, sealed and crc.
type block struct {
	buf    []byte // blockSize long, never reallocated
	start  int64  // place of buf[0] in the log
	offset int64  // place of the compressed form in the spool, known when its first part is on disk
	used   int    // bytes written
	added  int    // bytes given to the compression
	parts  int    // parts given to the compression that are not on disk yet
	sealed bool   // takes no more
	crc    uint32 // of what was written
}

// mark says that the compressed form of the log's bytes from start on begins at offset of the spool,
// and what the checksum of the block there is.
type mark struct {
	start, offset int64
	crc           uint32
}

// append adds p as a whole. The caller holds l.writing.
func (l *Log) append(p []byte) (int, error) {
	if err := l.unwritable(); err != nil {
		return 0, fmt.Errorf("tasklog: write: %w", err)
	}
	written := 0
	for len(p) > 0 {
		b := l.open()
		n := copy(b.buf[b.used:], p)                        // only this goroutine changes used
		b.crc = crc32.Update(b.crc, crc32.IEEETable, p[:n]) // while it is near
		l.lineStart = p[n-1] == '\n'
		l.grow(b, n)
		written, p = written+n, p[n:]
		if b.used < len(b.buf) {
			l.flushLater()
			continue
		}
		if err := l.seal(); err != nil {
			return written, fmt.Errorf("tasklog: %w", err)
		}
	}
	return written, nil
}

// unwritable says why nothing more can be written, if so.
func (l *Log) unwritable() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return fs.ErrClosed
	}
	return l.failed
}

// openBlock returns the block that takes more, or nil. The caller holds l.mu.
func (l *Log) openBlock() *block {
	if n := len(l.blocks); n > 0 && !l.blocks[n-1].sealed {
		return l.blocks[n-1]
	}
	return nil
}

// open returns the block that takes more, a new one if need be.
func (l *Log) open() *block {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.openBlock(); b != nil {
		return b
	}
	b := &block{start: l.size}
	if n := len(l.free); n > 0 {
		b.buf, l.free = l.free[n-1], l.free[:n-1]
	} else {
		b.buf = make([]byte, blockSize)
	}
	l.blocks = append(l.blocks, b)
	return b
}

// grow shows n more bytes of b to the readers.
func (l *Log) grow(b *block, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.used += n
	l.size += int64(n)
	l.wake()
}

// wake lets waiting readers look again. The caller holds l.mu.
func (l *Log) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// seal ends the open block, if there is one. The caller holds l.writing.
func (l *Log) seal() error {
	if l.flush != nil {
		if l.flush.Stop() {
			l.timers.Done()
		}
		l.flush = nil
	}
	return l.compress(true)
}

// compress gives what is new in the open block to the compression; last says that the block
// takes no more. The caller holds l.writing.
func (l *Log) compress(last bool) error {
	l.mu.Lock()
	b := l.openBlock()
	if b == nil {
		l.mu.Unlock()
		return nil
	}
	part, dict := b.buf[b.added:b.used], b.buf[:b.added]
	b.sealed = last
	if len(part) == 0 {
		l.release(b)
		l.mu.Unlock()
		return nil
	}
	first := b.added == 0
	b.added = b.used
	b.parts++
	l.mu.Unlock()
	return l.stream.Add(gzstream.Block{Raw: part, Dict: dict, Done: func(offset int64, err error) {
		l.onDisk(b, first, offset, err)
	}})
}

// onDisk is told that one more part of b has been written at offset of the spool.
func (l *Log) onDisk(b *block, first bool, offset int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = err // b stays in memory, where it can be read
		return
	}
	if first {
		b.offset = offset
	}
	b.parts--
	l.release(b)
}

// release frees b's memory once all of it is on disk. The caller holds l.mu.
func (l *Log) release(b *block) {
	if !b.sealed || b.parts > 0 {
		return
	}
	i := slices.Index(l.blocks, b)
	l.index = append(l.index, mark{start: b.start, offset: b.offset, crc: b.crc})
	l.blocks = slices.Delete(l.blocks, i, i+1)
	l.free = append(l.free, b.buf)
}

// flushLater makes sure that what was written is compressed soon. The caller holds l.writing.
func (l *Log) flushLater() {
	if l.flush != nil {
		return
	}
	l.timers.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(flushAfter, func() {
		defer l.timers.Done()
		l.writing.Lock()
		defer l.writing.Unlock()
		if l.flush != timer {
			return // sealed in the meantime
		}
		l.flush = nil
		_ = l.compress(false) // the next Write and Close report what fails here
	})
	l.flush = timer
}
