package images_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"os/exec"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// packed compresses data.
func packed(t *testing.T, format string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch format {
	case "":
		return data
	case "gz":
		w = gzip.NewWriter(&out)
	case "lz4":
		w = lz4.NewWriter(&out)
	case "xz":
		w, err = xz.NewWriter(&out)
	case "pzstd": // a frame for itself first
		head, _ := hex.DecodeString("502a4d180400000012345678")
		out.Write(head)
		w, err = zstd.NewWriter(&out)
	case "zst":
		w, err = zstd.NewWriter(&out)
	case "bz2": // Go only reads it
		cmd := exec.CommandContext(t.Context(), "bzip2", "-c")
		cmd.Stdin = bytes.NewReader(data)
		made, err := cmd.Output()
		if err != nil {
			t.Skipf("bzip2 is not there to compress with: %v", err)
		}
		return made
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
