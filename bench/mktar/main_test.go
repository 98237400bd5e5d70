package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestPack(t *testing.T) {
	const files, size = 300, 1 << 20
	var first, again, other bytes.Buffer
	for _, err := range []error{pack(&first, files, size, 1), pack(&again, files, size, 1), pack(&other, files, size, 2)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) || bytes.Equal(first.Bytes(), other.Bytes()) {
		t.Error("the seed does not say which archive it is")
	}
	if first.Len() < size/2 || first.Len() > size*3/4 {
		t.Errorf("%d bytes are packed into %d", size, first.Len())
	}
	z, err := zstd.NewReader(&first)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	names, sum := map[string]bool{}, int64(0)
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			names[h.Name], sum = true, sum+h.Size
		}
	}
	if len(names) != files || sum != size {
		t.Errorf("%d files of %d bytes in all", len(names), sum)
	}
}
