package artifact

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestDigest(t *testing.T) {
	data := make([]byte, 3*hashBlock+17)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	for _, length := range []int{0, 1, hashBlock - 1, hashBlock, hashBlock + 1, 3 * hashBlock, len(data)} {
		d := newDigest(sha256.New(), sha512.New())
		for rest := data[:length]; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(hashBlock*3/2))
			d.write(rest[:n])
			rest = rest[n:]
		}
		got := d.sums()
		d.write([]byte("too late"))
		d.close()
		want256, want512 := sha256.Sum256(data[:length]), sha512.Sum512(data[:length])
		if d.length() != int64(length) || string(got[0]) != string(want256[:]) || string(got[1]) != string(want512[:]) {
			t.Errorf("%d bytes: %s", length, hex.EncodeToString(got[0]))
		}
	}
}

func TestFileThatGrowsIsCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, length := range []int64{10, 4} {
		body, err := open(Data{Length: length, Open: func() (io.ReadCloser, error) { return os.Open(path) }})
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.WriteString("more")
		_ = file.Close()
		if got, err := io.ReadAll(body); err != nil || int64(len(got)) != length || body.Close() != nil {
			t.Errorf("%d bytes: %q, %v", length, got, err)
		}
	}
}

func TestFullDiskIsToldFromOtherErrors(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other codes of errors")
	}
	for code, full := range map[syscall.Errno]bool{syscall.ENOSPC: true, syscall.EIO: false} {
		err := spoolError(fmt.Errorf("write: %w", &os.PathError{Op: "write", Path: "spool", Err: code}))
		if errors.Is(err, ErrSpace) != full || !strings.Contains(err.Error(), code.Error()) {
			t.Errorf("%v", err)
		}
	}
}
