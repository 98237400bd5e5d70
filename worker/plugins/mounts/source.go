package mounts

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/workerkit/workerkit/internal/archive"
)

// source is a content that is read, which remembers why that failed.
type source struct {
	io.Reader
	begun func() // called when there is something

	mu  sync.Mutex // decompressors read in goroutines of their own
	err error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if n > 0 {
		s.begun()
	}
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader's end is the very value
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

// failed is why the content could not be read whole; nil is that it could, as far as it was.
func (s *source) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// broken says which content could not be unpacked, and what is wrong with it.
func broken(m *mount, err error) error {
	what := "archive"
	if m.File != "" {
		what = "file"
	}
	from, none, cut := m.Content.fetch(), errors.Is(err, archive.ErrKind), errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case err == nil:
		return nil
	case none && (cut || m.Format == "zip"): // which is known by its end
		return fmt.Errorf("%s: it is no %s %s, or it is cut off", from, m.Format, what)
	case none:
		return fmt.Errorf("%s: it is no %s %s", from, m.Format, what)
	case cut:
		return fmt.Errorf("%s: the %s is cut off", from, what)
	default:
		return fmt.Errorf("%s: %w", from, err)
	}
}
