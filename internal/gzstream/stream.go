// Package gzstream compresses on several cores into one gzip stream that any gunzip reads.
//
// The data is cut into blocks. Each block is a whole number of bytes of deflate output that
// refers to nothing before it but the dictionary that it was given, and ends with a sync
// marker: decompression can begin at any block without a dictionary, and a stream that was cut
// off after any block gives back all data before the cut.
package gzstream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	// strong is where the encoder comes within 7 % of the size of "gzip -6" at more than three
	// times its speed; fast is half as fast again and gives 12 % more. Both measured with
	// bench/loggen.
	strong, fast = 5, 2
	// Of so many blocks that come while half of the cores are still busy with earlier ones, the
	// last so many are compressed fast: as many as keep the size within 14 % of "gzip -6".
	pattern, hurried = 8, 5
	// window is how far deflate looks back, and so the longest useful dictionary.
	window = 32 << 10
	// mostWorkers bounds the memory of one stream on machines with many cores: eight
	// compress faster than a pipe delivers.
	mostWorkers = 8
)

// Block is a piece of the data.
type Block struct {
	// Raw is the data; it must not change before Done is called.
	Raw []byte
	// Dict is data that directly precedes Raw, of which the last 32 KiB count. It makes small
	// blocks compress well, and a reader of this block depend on the ones that hold it. It
	// must not change before Done is called.
	Dict []byte
	// Done, if not nil, is called once, in the order of the blocks, when the block has been
	// written at this offset of the compressed stream, or could not be. It must not block and
	// not call the stream's methods.
	Done func(offset int64, err error)
}

// Totals are the lengths of a complete stream.
type Totals struct {
	Size           int64 // of the data
	CompressedSize int64 // of the gzip stream
}

// Stream writes blocks in the order of Add, compressed on several cores. The methods must not
// be called concurrently.
type Stream struct {
	w        io.Writer
	buffers  chan *bytes.Buffer // one for each block in flight; nil: not made yet
	encoders chan *encoder      // one for each core; nil: not made yet
	last     <-chan struct{}    // closed when the newest block has been written
	added    int                // blocks so far
	fast     bool               // all blocks are
	crc      uint32             // this and totals belong to the block whose turn it is
	totals   Totals

	mu  sync.Mutex
	err error // the first failure
}

// Header is how streams begin: a gzip header without a name or time, deflate, unknown operating system.
func Header() []byte { return []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff} }

// Workers is how many cores a stream uses by default.
func Workers() int { return min(runtime.GOMAXPROCS(0), mostWorkers) }

// NewStream begins a stream to w that uses so many cores. An error of w is reported by the
// methods.
func NewStream(w io.Writer, workers int) *Stream {
	// Two more blocks than cores, so that a core need not wait for its turn to write.
	s := &Stream{buffers: make(chan *bytes.Buffer, workers+2), encoders: make(chan *encoder, workers)}
	for range cap(s.buffers) {
		s.buffers <- nil
	}
	for range cap(s.encoders) {
		s.encoders <- nil
	}
	s.reset(w)
	return s
}

// reset begins a stream, after the one before has been closed.
func (s *Stream) reset(w io.Writer) {
	done := make(chan struct{})
	close(done)
	s.w, s.last, s.added, s.crc, s.totals = w, done, 0, 0, Totals{}
	s.mu.Lock()
	s.err = nil
	s.mu.Unlock()
	s.write(Header())
}

// Add compresses b on another goroutine and returns. It waits while as many blocks are in
// flight as the stream allows, so memory is bounded. When it returns an error, Done will
// not be called.
func (s *Stream) Add(b Block) error {
	if err := s.failure(); err != nil {
		return err
	}
	inFlight := cap(s.buffers) - len(s.buffers)
	s.added++
	hurry := s.fast || 2*inFlight >= cap(s.encoders) && s.added%pattern >= pattern-hurried
	out := <-s.buffers
	turn, done := s.last, make(chan struct{})
	s.last = done
	go func() {
		defer close(done)
		if out == nil {
			out = new(bytes.Buffer)
		}
		s.compress(out, b, hurry)
		<-turn
		s.commit(out.Bytes(), b)
		s.buffers <- out
	}()
	return nil
}

// Close waits for all blocks and ends the stream. It does not close the writer.
func (s *Stream) Close() (Totals, error) {
	<-s.last
	trailer := []byte{3, 0} // an empty final block
	trailer = binary.LittleEndian.AppendUint32(trailer, s.crc)
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(s.totals.Size)) //nolint:gosec // modulo 2^32 by the format
	s.write(trailer)
	return s.totals, s.failure()
}

func (s *Stream) compress(out *bytes.Buffer, b Block, hurry bool) {
	out.Reset()
	enc := <-s.encoders
	defer func() { s.encoders <- enc }()
	if enc == nil {
		enc = new(encoder)
	}
	w := enc.at(hurry)
	w.ResetDict(out, b.Dict[max(0, len(b.Dict)-window):])
	_, _ = w.Write(b.Raw) // to memory: cannot fail
	_ = w.Flush()
}

// encoder is what one core compresses with; its parts are made when first used.
type encoder struct{ strong, fast *flate.Writer }

func (e *encoder) at(hurry bool) *flate.Writer {
	w, level := &e.strong, strong
	if hurry {
		w, level = &e.fast, fast
	}
	if *w == nil {
		*w, _ = flate.NewWriter(nil, level) // fails for unknown levels only
	}
	return *w
}

func (s *Stream) commit(compressed []byte, b Block) {
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b.Raw)
	s.totals.Size += int64(len(b.Raw))
	offset := s.totals.CompressedSize
	s.write(compressed)
	if b.Done != nil {
		b.Done(offset, s.failure())
	}
}

// write writes unless something failed before.
func (s *Stream) write(p []byte) {
	if s.failure() != nil {
		return
	}
	n, err := s.w.Write(p)
	s.totals.CompressedSize += int64(n)
	if err != nil {
		s.mu.Lock()
		s.err = fmt.Errorf("gzstream: write: %w", err)
		s.mu.Unlock()
	}
}

func (s *Stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
