package clone_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/internal/clone"
)

// file makes a file with so many random bytes.
func file(t testing.TB, dir string, size int) (path string, data []byte) {
	t.Helper()
	data = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	path = filepath.Join(dir, "src")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, data
}

func same(t *testing.T, path string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes that are not the same, %v", path, len(got), err)
	}
}

// independent copies a file, and changes each of both.
func independent(t *testing.T, dir string, size int) {
	t.Helper()
	src, data := file(t, dir, size)
	dst := filepath.Join(dir, "dst")
	if err := clone.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	same(t, dst, data)
	if info, err := os.Stat(dst); err != nil || (os.PathSeparator == '/' && info.Mode().Perm() != 0o600) {
		t.Errorf("%v, %v", info, err)
	}
	for path, other := range map[string]string{dst: src, src: dst} {
		before, err := os.ReadFile(other)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("changed by "+path), 0)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		same(t, other, before)
	}
}

func TestCopy(t *testing.T) {
	for _, size := range []int{0, 1, 5000, 3<<20 + 7} {
		independent(t, t.TempDir(), size)
	}
}

// TestCopyFile: all of the source is copied, wherever it was read, into a file that may be gone
// from its folder.
func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	path, data := file(t, dir, 100_000)
	src, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := src.Seek(50_000, 0); err != nil {
		t.Fatal(err)
	}
	dst, err := os.Create(filepath.Join(dir, "dst"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(clone.CopyFile(dst, src), dst.Close()); err != nil {
		t.Fatal(err)
	}
	same(t, dst.Name(), data)
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	src, data := file(t, dir, 10)
	if err := clone.Copy(src, src); !errors.Is(err, fs.ErrExist) {
		t.Errorf("what was there is replaced: %v", err)
	}
	same(t, src, data)
	if err := clone.Copy(filepath.Join(dir, "dst"), filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := clone.Copy(filepath.Join(dir, "dst"), dir); err == nil {
		t.Error("a folder was copied")
	}
	if _, err := os.Stat(filepath.Join(dir, "dst")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}
