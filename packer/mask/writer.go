package mask

import (
	"bytes"
	"fmt"
	"io"
)

// Writer masks a stream. What may be the beginning of a secret is held back until more is
// written or the writer is closed. It is not safe for concurrent use.
type Writer struct {
	to      io.Writer
	masker  *Masker
	held    []byte
	covered int // how many bytes of held belong to a secret that was found already
}

// Writer returns a writer that masks what goes to w.
func (m *Masker) Writer(w io.Writer) *Writer { return &Writer{to: w, masker: m} }

// Write implements io.Writer. It has taken all of p unless the writer below fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	if err := w.flush(false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes what was held back. It does not close the writer below.
func (w *Writer) Close() error { return w.flush(true) }

func (w *Writer) flush(last bool) error {
	out, done, covered := w.masker.scan(nil, w.held, w.covered, last)
	w.held = w.held[:copy(w.held, w.held[done:])]
	w.covered = covered
	if len(out) == 0 {
		return nil
	}
	if _, err := w.to.Write(out); err != nil {
		return fmt.Errorf("mask: write: %w", err)
	}
	return nil
}

// scan appends the masked form of in to out. The first covered bytes of in belong to a secret
// whose mark was written before. Unless in is the last, it stops where a secret could begin
// that ends beyond it; done tells where, and left how many bytes from there are covered.
// Secrets that overlap share one mark, so nothing of the second is left over.
func (m *Masker) scan(out, in []byte, covered int, last bool) (masked []byte, done, left int) {
	for i := range in {
		long, open := m.match(in[i:])
		if open && !last {
			return out, i, max(0, covered-i)
		}
		if long > 0 {
			if i >= covered {
				out = append(out, Mark...)
			}
			covered = max(covered, i+long)
		}
		if i >= covered {
			out = append(out, in[i])
		}
	}
	return out, len(in), max(0, covered-len(in))
}

// match returns the length of the longest form that in begins with, and whether more input
// could make a longer one.
func (m *Masker) match(in []byte) (long int, open bool) {
	for _, form := range m.byFirst[in[0]] {
		switch {
		case len(form) > len(in):
			open = open || bytes.HasPrefix([]byte(form), in)
		case form == string(in[:len(form)]):
			return len(form), open
		}
	}
	return 0, open
}
