package artifact

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/workerkit/workerkit/internal/gzstream"
)

// Spool is data that was compressed into an owner-only file, so that it can be sent more than
// once and its length is known.
type Spool struct {
	path   string
	totals gzstream.Totals
}

// Compress compresses source into a new file in dir. It ends early when ctx does.
func Compress(ctx context.Context, dir string, source io.Reader) (*Spool, error) {
	file, err := os.CreateTemp(dir, "artifact-*.gz") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("artifact: create a spool: %w", err)
	}
	s := &Spool{path: file.Name()}
	z := gzstream.NewWriter(file)
	_, err = io.Copy(z, &bounded{ctx, source})
	totals, closing := z.Close()
	for _, e := range []error{closing, file.Close()} {
		if err == nil {
			err = e
		}
	}
	if err != nil {
		_ = s.Remove() // the first error says more
		return nil, fmt.Errorf("artifact: compress: %w", err)
	}
	s.totals = totals
	return s, nil
}

// Size is the length of the data before compression.
func (s *Spool) Size() int64 { return s.totals.Size }

// Length is the length of the compressed data.
func (s *Spool) Length() int64 { return s.totals.CompressedSize }

// Open opens the compressed data.
func (s *Spool) Open() (io.ReadCloser, error) { return os.Open(s.path) }

// Remove deletes the file.
func (s *Spool) Remove() error { return os.Remove(s.path) }

// bounded is a reader that fails once ctx has ended.
type bounded struct {
	ctx    context.Context //nolint:containedctx // lives for one call of Compress
	source io.Reader
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	return b.source.Read(p)
}
