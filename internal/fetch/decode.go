package fetch

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// errEncoding means that a server uses an encoding that was not asked for.
var errEncoding = errors.New("the server sends it in an encoding that the worker did not ask for")

// decoded gives the bytes behind a Content-Encoding. done ends the decoder, not r.
func decoded(r io.Reader, encoding string) (plain io.Reader, done func(), err error) {
	switch encoding {
	case "", "identity":
		return r, func() {}, nil
	case "gzip", "x-gzip":
		d, err := gzip.NewReader(r)
		if err == io.EOF { //nolint:errorlint // a Reader's end is the very value: there is nothing at all
			return r, func() {}, nil
		}
		return d, func() {}, err
	case "zstd":
		const window = 8 << 20 // RFC 9659 has no more in HTTP
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	default:
		return nil, nil, fmt.Errorf("%w: %.60q", errEncoding, encoding)
	}
}
