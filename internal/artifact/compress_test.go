package artifact_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/workerkit/workerkit/internal/artifact"
)

// decoded is what a reader of the spool gets.
func decoded(t *testing.T, s *artifact.Spool) []byte {
	t.Helper()
	file, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stored, err := io.ReadAll(file)
	if err != nil || int64(len(stored)) != s.Length() {
		t.Fatalf("%d bytes, Length %d, %v", len(stored), s.Length(), err)
	}
	if s.Encoding() == artifact.Zstd {
		z, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		data, err := z.DecodeAll(stored, nil)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(stored))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

// TestCompressorCompressesOneAfterAnother, after failures too.
func TestCompressorCompressesOneAfterAnother(t *testing.T) {
	dir := t.TempDir()
	var c artifact.Compressor
	for _, encoding := range []string{artifact.Gzip, artifact.Zstd} {
		for name, data := range map[string][]byte{
			"nothing": nil, "little": []byte("little"), "text": bytes.Repeat([]byte("compress me, please. "), 1<<18), "noise": noise(9<<20 + 1), "block": make([]byte, 256<<10),
		} {
			broken := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrNoProgress))
			if _, err := c.Compress(t.Context(), artifact.Wanted{Dir: dir, Encoding: encoding, SHA256: true}, broken); !errors.Is(err, artifact.ErrChanged) {
				t.Errorf("%s of a source that breaks: %v", encoding, err)
			}
			s, err := c.Compress(t.Context(), artifact.Wanted{Dir: dir, Encoding: encoding, SHA256: true}, bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			if s.Encoding() != encoding || s.Size() != int64(len(data)) || s.SHA256() != hex.EncodeToString(sum[:]) || !bytes.Equal(decoded(t, s), data) {
				t.Errorf("%s, %s: %d bytes came out otherwise", encoding, name, len(data))
			}
			left, _ := os.ReadDir(dir)
			if inFile := name == "noise"; len(left) != map[bool]int{true: 1}[inFile] {
				t.Errorf("%s, %s: the folder has %v", encoding, name, left)
			} else if inFile && runtime.GOOS != "windows" {
				if info, err := left[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("others may read the spool: %v, %v", info.Mode(), err)
				}
			}
			if err := s.Remove(); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := c.Compress(t.Context(), artifact.Wanted{Dir: dir, Encoding: "br"}, strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), `"br"`) {
		t.Errorf("an encoding that there is not: %v", err)
	}
	if _, err := c.Compress(t.Context(), artifact.Wanted{Dir: dir + "/none", Encoding: artifact.Gzip}, bytes.NewReader(noise(1<<20))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestCompressorEndsWithItsContext(t *testing.T) {
	cause := errors.New("claim lost")
	for _, encoding := range []string{artifact.Gzip, artifact.Zstd} {
		ctx, cancel := context.WithCancelCause(t.Context())
		source := io.MultiReader(bytes.NewReader(noise(2<<20)), readerFunc(func(p []byte) (int, error) {
			cancel(cause)
			return len(p), nil // without end
		}))
		dir := t.TempDir()
		var c artifact.Compressor
		if _, err := c.Compress(ctx, artifact.Wanted{Dir: dir, Encoding: encoding}, source); !errors.Is(err, cause) {
			t.Errorf("%s: %v", encoding, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
