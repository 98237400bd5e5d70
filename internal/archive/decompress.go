package archive

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// decompress returns the data of a compressed stream, and what frees the decompressor.
func decompress(in io.Reader, compression string) (out io.Reader, done func(), err error) {
	in = bufio.NewReaderSize(in, 64<<10)
	none := func() {}
	switch compression {
	case "":
		return in, none, nil
	case "gz":
		out, err = gzip.NewReader(in)
		return out, none, err
	case "bz2":
		return bzip2.NewReader(in), none, nil
	case "zz":
		out, err = zlib.NewReader(in)
		return out, none, err
	case "sz":
		return s2.NewReader(in), none, nil
	case "zst":
		const window = 128 << 20 // what zstd --long makes, and no more, as the archive says how much
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	default:
		return nil, nil, unknown("tar." + compression)
	}
}

func unknown(format string) error {
	return fmt.Errorf("%w: %q is none of %s", ErrFormat, format, strings.Join(Formats(), ", "))
}
