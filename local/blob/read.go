package blob

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxHeader bounds what a damaged file can make us read.
const maxHeader = 64 << 10

// Blob is an open blob. Its bytes stay readable until Close, whatever is written or deleted
// meanwhile. It is not safe for concurrent use.
type Blob struct {
	Info
	io.ReadSeeker
	file *os.File
}

// Close closes the blob.
func (b *Blob) Close() error { return b.file.Close() }

// Open opens the blob under key; when there is none the error is ErrNotFound.
func (s *Store) Open(bucket, key string) (*Blob, error) {
	f, err := os.Open(s.file(bucket, key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob: open: %w", ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	b, err := readBlob(f)
	if err != nil {
		return nil, fmt.Errorf("blob: open: %w", errors.Join(err, f.Close()))
	}
	return b, nil
}

// Stat describes the blob under key; when there is none the error is ErrNotFound.
func (s *Store) Stat(bucket, key string) (Info, error) {
	b, err := s.Open(bucket, key)
	if err != nil {
		return Info{}, err
	}
	return b.Info, b.Close()
}

func readBlob(f *os.File) (*Blob, error) {
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var length [4]byte
	if _, err := io.ReadFull(f, length[:]); err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxHeader {
		return nil, fmt.Errorf("read the header: %d bytes are too many", n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	var h header
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	start := int64(len(length)) + int64(n)
	size := stat.Size() - start
	info := Info{Meta: h.Meta, Size: size, ETag: h.ETag, Modified: stat.ModTime()}
	return &Blob{Info: info, ReadSeeker: io.NewSectionReader(f, start, size), file: f}, nil
}
