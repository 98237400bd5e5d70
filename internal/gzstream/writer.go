package gzstream

import (
	"errors"
	"io"
)

// BlockSize is the length of a Writer's blocks: large enough that what is lost at their
// borders is below one per cent, small enough to keep a few per core in memory.
const BlockSize = 512 << 10

// Writer is a Stream as an io.Writer: it copies what it is given into
// blocks of BlockSize. All of them are compressed fast, as somebody waits for the end. It is not
// safe for concurrent use.
type Writer struct {
	stream *Stream
	free   chan []byte
	block  []byte
}

// NewWriter compresses into w, on the default number of cores.
func NewWriter(w io.Writer) *Writer {
	workers := Workers()
	z := &Writer{stream: NewStream(w, workers), free: make(chan []byte, workers+3)}
	z.stream.fast = true
	return z
}

// Reset begins another stream, into w, with the memory of the one that was closed.
func (w *Writer) Reset(to io.Writer) { w.stream.reset(to) }

// Write takes p. Errors of the underlying writer come with a later call.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		space := w.space()
		n := copy(space, p)
		written, p = written+n, p[n:]
		if err := w.filled(n); err != nil {
			return written, err
		}
	}
	return written, nil
}

// ReadFrom takes all that r gives, without a copy in between.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	var read int64
	for {
		n, err := r.Read(w.space())
		read += int64(n)
		if err := w.filled(n); err != nil {
			return read, err
		}
		if errors.Is(err, io.EOF) {
			return read, nil
		}
		if err != nil {
			return read, err
		}
	}
}

// Close compresses the rest and ends the stream. It does not close the underlying writer.
func (w *Writer) Close() (Totals, error) {
	err := w.flush()
	totals, closing := w.stream.Close()
	if err == nil {
		err = closing
	}
	return totals, err
}

// space is where the next bytes go, which is never nothing.
func (w *Writer) space() []byte {
	if w.block == nil {
		w.block = w.allocate()
	}
	return w.block[len(w.block):cap(w.block)]
}

// filled notes so many bytes in what space gave.
func (w *Writer) filled(n int) error {
	w.block = w.block[:len(w.block)+n]
	if len(w.block) < cap(w.block) {
		return nil
	}
	return w.flush()
}

func (w *Writer) flush() error {
	block := w.block
	if len(block) == 0 {
		return nil
	}
	w.block = nil
	return w.stream.Add(Block{Raw: block, Done: func(int64, error) { w.free <- block[:0] }})
}

func (w *Writer) allocate() []byte {
	select {
	case block := <-w.free:
		return block
	default:
		return make([]byte, 0, BlockSize)
	}
}
