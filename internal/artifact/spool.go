package artifact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// inMemory is up to which length compressed data is kept in memory instead of in a file: less than
// what opening a connection for it takes.
const inMemory = 64 << 10

// ErrSpace says that the disk has no space for the compressed copy.
var ErrSpace = errors.New("artifact: there is no space on the worker's disk for the compressed copy")

// Spool is data that was compressed into an owner-only file, so that it can be sent more than
// once and its length is known. What is small is in memory.
type Spool struct {
	encoding string
	size     int64
	length   int64
	sha256   string

	small []byte
	path  string // "" when all is in small
}

// Encoding is Gzip or Zstd.
func (s *Spool) Encoding() string { return s.encoding }

// Size is the length of the data before compression.
func (s *Spool) Size() int64 { return s.size }

// Length is the length of the compressed data.
func (s *Spool) Length() int64 { return s.length }

// SHA256 is the hash in hex of the data before compression, if that was wanted.
func (s *Spool) SHA256() string { return s.sha256 }

// Open opens the compressed data.
func (s *Spool) Open() (io.ReadCloser, error) {
	if s.path == "" {
		return io.NopCloser(bytes.NewReader(s.small)), nil
	}
	return os.Open(s.path)
}

// Remove deletes the file.
func (s *Spool) Remove() error {
	if s.path == "" {
		return nil
	}
	return os.Remove(s.path)
}

// spooler is what a spool is written by. Its error is the first of a write.
type spooler struct {
	dir   string
	small []byte
	file  *os.File
	n     int64
	err   error
}

// Write implements io.Writer.
func (s *spooler) Write(p []byte) (int, error) {
	n, err := s.write(p)
	s.n += int64(n)
	if err != nil && s.err == nil {
		s.err = spoolError(err)
	}
	return n, err
}

func (s *spooler) write(p []byte) (int, error) {
	if s.file == nil {
		if len(s.small)+len(p) <= inMemory {
			s.small = append(s.small, p...)
			return len(p), nil
		}
		file, err := os.CreateTemp(s.dir, "artifact-*") // mode 0600
		if err != nil {
			return 0, err
		}
		s.file = file
		if _, err := file.Write(s.small); err != nil {
			return 0, err
		}
		s.small = nil
	}
	return s.file.Write(p)
}

// done closes the file, and removes it when err or another error says that it is of no use.
func (s *spooler) done(err error) (*Spool, error) {
	if s.err != nil {
		err = s.err
	}
	if s.file == nil {
		return &Spool{small: s.small, length: s.n}, err
	}
	if closing := s.file.Close(); err == nil && closing != nil {
		err = spoolError(closing)
	}
	if err != nil {
		_ = os.Remove(s.file.Name()) // the first error says more
		return nil, err
	}
	return &Spool{path: s.file.Name(), length: s.n}, nil
}

func spoolError(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", ErrSpace, err)
	}
	return fmt.Errorf("artifact: write the compressed copy: %w", err)
}
