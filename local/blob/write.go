package blob

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// copyBuffer is large so that a PUT of hundreds of megabytes takes few system calls.
	copyBuffer = 1 << 20
	// flushEvery is how many bytes are written before the disk is told to start on them, so
	// that the fsync at the end has little left to wait for.
	flushEvery = 8 << 20
)

// ErrShort is the reason of a Write whose reader ended before the promised size.
var ErrShort = errors.New("fewer bytes than promised")

// Write stores what r gives under key, in place of any former blob. size is how many bytes
// to expect, -1 for unknown; it is an error, and nothing is stored, when r gives fewer, and
// no more than size are read. When Write returns nil the blob is on the disk.
func (s *Store) Write(ctx context.Context, bucket, key string, meta Meta, size int64, r io.Reader) (Info, error) {
	f, err := os.CreateTemp(s.temp, "put-")
	if err != nil {
		return Info{}, fmt.Errorf("blob: write: %w", err)
	}
	info := Info{Meta: meta, ETag: `"` + rand.Text() + `"`}
	if err := writeHeader(f, header{Key: key, Meta: meta, ETag: info.ETag}); err != nil {
		return Info{}, fmt.Errorf("blob: write: %w", abandon(f, err))
	}
	if size >= 0 {
		r = io.LimitReader(r, size)
	}
	if info.Size, err = s.copy(ctx, f, r); err != nil {
		return Info{}, fmt.Errorf("blob: write: %w", abandon(f, err))
	}
	if size >= 0 && info.Size != size {
		return Info{}, fmt.Errorf("blob: write: %w", abandon(f, ErrShort))
	}
	if err := commit(f, s.file(bucket, key)); err != nil {
		return Info{}, fmt.Errorf("blob: write: %w", err)
	}
	info.Modified = s.clock()
	return info, nil
}

// copy moves r's bytes to f with a large buffer, starting the disk on them as they come.
func (s *Store) copy(ctx context.Context, f *os.File, r io.Reader) (int64, error) {
	buffer := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	var total, flushed int64
	for {
		n, err := r.Read(*buffer)
		if n > 0 {
			if _, err := f.Write((*buffer)[:n]); err != nil {
				return total, err
			}
			total += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if total-flushed >= flushEvery {
			startFlush(f, flushed, total-flushed)
			flushed = total
		}
		if err := ctx.Err(); err != nil {
			return total, err
		}
	}
}

// Delete removes the blob under key. It is no error when there is none.
func (s *Store) Delete(bucket, key string) error {
	if err := os.Remove(s.file(bucket, key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blob: delete: %w", err)
	}
	return nil
}

// header stands before a blob's bytes, in the same file, so that one rename publishes both.
type header struct {
	Key  string `json:"key"` // for people who look into the folder
	Meta Meta   `json:"meta"`
	ETag string `json:"etag"`
}

// writeHeader writes the header's length, as four bytes, and the header.
func writeHeader(w io.Writer, h header) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(data) > maxHeader {
		return fmt.Errorf("a header of %d bytes is too long", len(data))
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...))
	return err
}

// commit makes the temporary file f durable and moves it to path.
func commit(f *os.File, path string) error {
	if err := f.Sync(); err != nil {
		return abandon(f, err)
	}
	if err := f.Close(); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	made := false
	if err := os.Mkdir(filepath.Dir(path), 0o700); err == nil {
		made = true
	} else if !errors.Is(err, fs.ErrExist) {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := syncFolder(filepath.Dir(path)); err != nil || !made {
		return err
	}
	return syncFolder(filepath.Dir(filepath.Dir(path)))
}

// abandon drops the temporary file f and returns why.
func abandon(f *os.File, why error) error {
	return errors.Join(why, f.Close(), os.Remove(f.Name()))
}
