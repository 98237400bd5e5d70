package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/workerkit/workerkit/internal/gzstream"
)

const (
	// zstdWindow keeps what zstd works on small: four times as much for each core, and as much
	// again of output.
	zstdWindow = 512 << 10
	// zstdWorkers bounds the memory on machines with many cores: four are faster than a disk.
	zstdWorkers = 4
)

// Wanted is how data is to be compressed.
type Wanted struct {
	Dir      string // for the spool
	Encoding string // Gzip or Zstd
	SHA256   bool   // hash the data in the same pass
}

// Compressor compresses one source after another on all cores, with the same memory: 2 to 10 MiB. The zero
// value is ready. It is not safe for concurrent use.
type Compressor struct {
	gzip *gzstream.Writer
	zstd *zstd.Encoder
}

// Compress compresses source into a new spool. It ends early when ctx does. A source that cannot be
// read to its end is ErrChanged; ErrSpace says that the disk is full.
func (c *Compressor) Compress(ctx context.Context, w Wanted, source io.Reader) (*Spool, error) {
	in := &input{ctx: ctx, source: source}
	if w.SHA256 {
		in.digest = newDigest(sha256.New())
		defer in.digest.close()
	}
	out := &spooler{dir: w.Dir}
	err := c.pump(w.Encoding, out, in)
	if in.err != nil {
		err = in.err
	}
	spool, err := out.done(err)
	if err != nil {
		return nil, err
	}
	spool.encoding, spool.size = w.Encoding, in.n
	if w.SHA256 {
		spool.sha256 = hex.EncodeToString(in.digest.sums()[0])
	}
	return spool, nil
}

// pump compresses all of in.
func (c *Compressor) pump(encoding string, out io.Writer, in io.Reader) error {
	switch encoding {
	case Gzip:
		if c.gzip == nil {
			c.gzip = gzstream.NewWriter(out)
		} else {
			c.gzip.Reset(out)
		}
		_, err := c.gzip.ReadFrom(in)
		_, closing := c.gzip.Close()
		return errors.Join(err, closing)
	case Zstd:
		if err := c.resetZstd(out); err != nil {
			return err
		}
		_, err := c.zstd.ReadFrom(in)
		return errors.Join(err, c.zstd.Close())
	default:
		return fmt.Errorf("artifact: %q is no encoding that data can be stored in", encoding)
	}
}

func (c *Compressor) resetZstd(out io.Writer) (err error) {
	if c.zstd != nil {
		c.zstd.Reset(out)
		return nil
	}
	c.zstd, err = zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderConcurrency(min(gzstream.Workers(), zstdWorkers)), zstd.WithConcurrentBlocks(true))
	if err != nil {
		return fmt.Errorf("artifact: zstd: %w", err)
	}
	return nil
}

// input is a source that counts, hashes where that is wanted, and fails once ctx has ended. Its error
// is the first one.
type input struct {
	ctx    context.Context //nolint:containedctx // lives for one call of Compress
	source io.Reader
	digest *digest // nil: no hash is wanted
	n      int64
	err    error
}

// Read implements io.Reader.
func (i *input) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		i.err = context.Cause(i.ctx)
		return 0, i.err
	}
	n, err := i.source.Read(p)
	i.n += int64(n)
	if i.digest != nil {
		i.digest.write(p[:n])
	}
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = fmt.Errorf("%w: %w", ErrChanged, err)
		return n, i.err
	}
	return n, err
}
