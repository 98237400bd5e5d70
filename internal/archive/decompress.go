package archive

import (
	"bufio"
	"compress/bzip2"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/minio/minlz"
	"github.com/pierrec/lz4/v4"
)

const (
	// maxDictionary is the most memory that an archive's header may ask for. The usual programs
	// make no archive with more, unless they are asked to.
	maxDictionary = 256 << 20
	// maxWindow is what zstd --long makes; the real program takes no more either.
	maxWindow = 128 << 20
)

// FileFormats are the names of the formats that Decompress knows, in order.
func FileFormats() []string {
	return []string{"br", "bz2", "gz", "lz", "lz4", "mz", "sz", "xz", "zst", "zz"}
}

// Decompress writes the data of a compressed stream to w, and reads r to its end. When w is an
// *os.File, it stops with ErrSpace before the file system is full. A Read or Write that takes long
// has to end with ctx by itself. Errors: ErrFormat, ErrLimit, ErrSpace, those of r and w, and of a
// stream that is damaged.
func Decompress(ctx context.Context, w io.Writer, r io.Reader, format string) error {
	if !slices.Contains(FileFormats(), format) {
		return unknown(format, FileFormats())
	}
	stream, err := newStream(ctx, r, format)
	if err == nil {
		defer stream.Close()
		space := &space{}
		if file, isFile := w.(*os.File); isFile {
			space = newSpace(filepath.Dir(file.Name()), DefaultLimits().MinFree)
		}
		err = copyData(ctx, w, stream, make([]byte, copySize), space)
	}
	return explained(ctx, "decompress "+format, err)
}

// newStream is the data of a compressed stream, made by a goroutine of its own. Close it.
func newStream(ctx context.Context, r io.Reader, format string) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(cancelled{ctx, r}, 128<<10)
	if _, err := in.Peek(1); err != nil { // not all of them take an empty stream for a damaged one
		return nil, begins(whole(err))
	}
	data, done, err := decompressor(in, format)
	if err != nil {
		return nil, begins(whole(err))
	}
	end := &toEnd{data, in}
	if format == "zst" { // it has goroutines of its own
		return &struct {
			io.Reader
			closer
		}{end, done}, nil
	}
	return newAhead(end, done), nil
}

// closer is a function that has no error.
type closer func()

func (c closer) Close() error {
	c()
	return nil
}

// toEnd ends where the input does, as that may have an error which only its end tells.
type toEnd struct {
	io.Reader
	in *bufio.Reader
}

func (r *toEnd) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		_, err = r.in.Peek(1)
		if err == nil {
			err = errors.New("there is something after the end")
		}
	}
	return n, err
}

// decompressor reads the data of a compressed stream; done frees it. All of one format's streams,
// frames or members that follow each other are read as one, where the format has that.
func decompressor(in *bufio.Reader, format string) (out io.Reader, done func(), err error) {
	done = func() {}
	switch format {
	case "br":
		out = brotli.NewReader(in)
	case "bz2":
		out = bzip2.NewReader(in)
	case "gz":
		out, err = gzip.NewReader(in)
	case "lz":
		out = &lzipReader{in: in}
	case "lz4":
		out = lz4.NewReader(in)
	case "mz":
		out = minlz.NewReader(in)
	case "sz":
		out = s2.NewReader(in)
	case "xz":
		out = newXZ(in)
	case "zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxWindow(maxWindow)); err == nil {
			out, done = z, z.Close
		}
	case "zz":
		out, err = zlib.NewReader(in)
	}
	return out, done, err
}

// whole makes an end that came too early one.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cancelled is a reader that fails when the context has ended.
type cancelled struct {
	ctx context.Context
	io.Reader
}

func (c cancelled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.Reader.Read(p)
}
