package archive_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/minio/minlz"
	"github.com/pierrec/lz4/v4"
	"github.com/sorairolake/lzip-go"
	"github.com/ulikunitz/xz"

	"github.com/workerkit/workerkit/internal/archive"
)

// writers are what compresses. There is none for bzip2, see compress.
func writers() map[string]func(io.Writer) (io.WriteCloser, error) {
	return map[string]func(io.Writer) (io.WriteCloser, error){
		"br":  func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil },
		"gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"lz":  func(w io.Writer) (io.WriteCloser, error) { return lzip.NewWriter(w), nil },
		"lz4": func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil },
		"mz":  func(w io.Writer) (io.WriteCloser, error) { return minlz.NewWriter(w), nil },
		"sz":  func(w io.Writer) (io.WriteCloser, error) { return s2.NewWriter(w, s2.WriterSnappyCompat()), nil },
		"xz":  func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		"zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		"zz":  func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil },
	}
}

func compress(t *testing.T, format string, data []byte) []byte {
	t.Helper()
	if format == "bz2" {
		return bzip2Of(data)
	}
	var b bytes.Buffer
	w, err := writers()[format](&b)
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecompress(t *testing.T) {
	want := []string{"br", "bz2", "gz", "lz", "lz4", "mz", "sz", "xz", "zst", "zz"}
	if got := archive.FileFormats(); !slices.Equal(got, want) {
		t.Errorf("formats %q", got)
	}
	for _, text := range []string{"", "hello", numbers(30_000)} {
		for _, format := range want {
			var out bytes.Buffer
			data := compress(t, format, []byte(text))
			if len(data) == 0 {
				t.Logf("%s: nothing is made of nothing", format) // and nothing is an error
				continue
			}
			if err := archive.Decompress(t.Context(), &out, bytes.NewReader(data), format); err != nil || out.String() != text {
				t.Errorf("%s: %d bytes, want %d; %v", format, out.Len(), len(text), err)
			}
		}
	}
	for _, format := range []string{"", "tar", "zip", "tar.gz"} {
		if err := archive.Decompress(t.Context(), io.Discard, strings.NewReader("x"), format); !errors.Is(err, archive.ErrFormat) {
			t.Errorf("%q: %v", format, err)
		}
	}
}

// TestParts: all that the real programs take for one file when several follow each other.
func TestParts(t *testing.T) {
	for _, format := range []string{"bz2", "gz", "lz", "lz4", "mz", "sz", "xz", "zst"} {
		data := append(compress(t, format, []byte("one, ")), compress(t, format, []byte("two"))...)
		var out bytes.Buffer
		if err := archive.Decompress(t.Context(), &out, bytes.NewReader(data), format); err != nil || out.String() != "one, two" {
			t.Errorf("%s: %q, %v", format, out.String(), err)
		}
	}
}

// TestDamagedStreams cuts streams off, changes each byte, and adds some.
func TestDamagedStreams(t *testing.T) {
	text := numbers(8)
	for _, format := range archive.FileFormats() {
		data := compress(t, format, []byte(text))
		for cut := range data {
			if format == "sz" && cut == 10 {
				continue // a whole stream, without data: there is no mark at the end
			}
			if err := archive.Decompress(t.Context(), io.Discard, bytes.NewReader(data[:cut]), format); err == nil || !strings.HasPrefix(err.Error(), "decompress "+format+": ") {
				t.Errorf("%s: %d of %d bytes: %v", format, cut, len(data), err)
			}
		}
		for at := range data {
			changed := bytes.Clone(data)
			changed[at] ^= 0x55
			var out bytes.Buffer
			err := archive.Decompress(t.Context(), &out, bytes.NewReader(changed), format)
			if err == nil && out.String() != text && format != "br" { // it has no checksum
				t.Errorf("%s: byte %d of %d was changed: no error", format, at, len(data))
			}
		}
		if err := archive.Decompress(t.Context(), io.Discard, strings.NewReader(string(data)+"more"), format); err == nil {
			t.Errorf("%s: what follows is no error", format)
		}
	}
}

func TestDecompressErrors(t *testing.T) {
	data := compress(t, "gz", []byte("text"))
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := archive.Decompress(ctx, io.Discard, bytes.NewReader(data), "gz"); !errors.Is(err, why) {
		t.Errorf("cancelled: %v", err)
	}
	closed, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := archive.Decompress(t.Context(), closed, bytes.NewReader(data), "gz"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed file: %v", err)
	}
	for _, format := range archive.FileFormats() { // even when it fails after the last byte
		r := io.MultiReader(bytes.NewReader(compress(t, format, []byte("text"))), callback(func() error { return why }))
		if err := archive.Decompress(t.Context(), io.Discard, r, format); !errors.Is(err, why) {
			t.Errorf("%s: a reader that fails: %v", format, err)
		}
	}
}

// numbers is text that is neither random nor all the same.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, "number", i*i)
	}
	return b.String()
}
