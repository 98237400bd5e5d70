package gzstream

import "io"

// BlockSize is the length of a Writer's blocks: large enough that what is lost at their
// borders is below one per cent, small enough to keep a few per core in memory.
const BlockSize = 512 << 10

// Writer is a Stream as an io.Writer: it copies what it is given into
// blocks of BlockSize. It is not safe for concurrent use.
type Writer struct {
	stream *Stream
	free   chan []byte
	block  []byte
}

// NewWriter compresses into w, on the default number of cores.
func NewWriter(w io.Writer) *Writer {
	workers := Workers()
	return &Writer{stream: NewStream(w, workers), free: make(chan []byte, workers+3)}
}

// Write takes p. Errors of the underlying writer come with a later call.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if w.block == nil {
			w.block = w.allocate()
		}
		n := min(len(p), cap(w.block)-len(w.block))
		w.block = append(w.block, p[:n]...)
		written, p = written+n, p[n:]
		if len(w.block) == cap(w.block) {
			if err := w.flush(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
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

func (w *Writer) flush() error {
	block := w.block
	w.block = nil
	if len(block) == 0 {
		return nil
	}
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
