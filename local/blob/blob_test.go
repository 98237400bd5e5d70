package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/workerkit/workerkit/local/blob"
)

func open(t testing.TB, dir string) *blob.Store {
	t.Helper()
	s, err := blob.Open(dir, blob.Options{RootURL: func() string { return "http://localhost" }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t testing.TB, s *blob.Store, key, data string, meta blob.Meta) blob.Info {
	t.Helper()
	info, err := s.Write(t.Context(), blob.ObjectBucket, key, meta, int64(len(data)), strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func read(t testing.TB, s *blob.Store, key string) (string, blob.Info) {
	t.Helper()
	b, err := s.Open(blob.ObjectBucket, key)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), b.Info
}

func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	keys := []string{"a", "a/b", "a//b", "../../a", "ü/ +%?#", strings.Repeat("long/", 300)}
	for _, key := range keys {
		write(t, s, key, "data of "+key, blob.Meta{ContentType: "text/" + key, ContentEncoding: "gzip"})
	}
	s = open(t, dir) // what was written outlives the process
	for _, key := range keys {
		data, info := read(t, s, key)
		if data != "data of "+key || info.ContentType != "text/"+key || info.ContentEncoding != "gzip" || info.Size != int64(len(data)) {
			t.Errorf("%q: %q %+v", key, data, info)
		}
		stat, err := s.Stat(blob.ObjectBucket, key)
		if err != nil || stat != info {
			t.Errorf("%q: Stat %+v %v, want %+v", key, stat, err, info)
		}
	}
	if _, err := s.Open(blob.PublicBucket, "a"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the same key in another bucket: %v", err)
	}
}

func TestOverwriteAndDelete(t *testing.T) {
	s := open(t, t.TempDir())
	first := write(t, s, "k", "first", blob.Meta{})
	old, err := s.Open(blob.ObjectBucket, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close() }()
	second := write(t, s, "k", "the second", blob.Meta{})
	if first.ETag == second.ETag || first.ETag == "" {
		t.Errorf("ETags %s and %s", first.ETag, second.ETag)
	}
	if data, info := read(t, s, "k"); data != "the second" || info.ETag != second.ETag {
		t.Errorf("after the second write: %q %+v", data, info)
	}
	for range 2 {
		if err := s.Delete(blob.ObjectBucket, "k"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Stat(blob.ObjectBucket, "k"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("after Delete: %v", err)
	}
	if data, err := io.ReadAll(old); err != nil || string(data) != "first" {
		t.Errorf("an open blob reads %q %v, want what it was opened on", data, err)
	}
}

// TestFailedWrite: a write that fails leaves what was there, and no file behind.
func TestFailedWrite(t *testing.T) {
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx    context.Context
		size   int64
		reader io.Reader
		want   error
	}{
		"too short":       {t.Context(), 10, strings.NewReader("nine byte"), blob.ErrShort},
		"broken":          {t.Context(), 10, io.MultiReader(strings.NewReader("nine"), iotest.ErrReader(broken)), broken},
		"broken, no size": {t.Context(), -1, iotest.ErrReader(io.ErrUnexpectedEOF), io.ErrUnexpectedEOF},
		"cancelled":       {cancelled, -1, strings.NewReader("some"), context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			write(t, s, "k", "before", blob.Meta{})
			if _, err := s.Write(tc.ctx, blob.ObjectBucket, "k", blob.Meta{}, tc.size, tc.reader); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if data, _ := read(t, s, "k"); data != "before" {
				t.Errorf("reads %q", data)
			}
			left, err := os.ReadDir(filepath.Join(dir, "temp"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	s := open(t, t.TempDir())
	for _, size := range []int{0, 1, 1 << 20, 1<<20 + 1, 20<<20 + 3} {
		data := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
		for _, promised := range []int64{int64(size), -1} {
			info, err := s.Write(t.Context(), blob.ObjectBucket, "k", blob.Meta{}, promised, iotest.DataErrReader(bytes.NewReader(data)))
			if err != nil || info.Size != int64(size) {
				t.Fatalf("%d bytes, %d promised: %+v %v", size, promised, info, err)
			}
			if got, _ := read(t, s, "k"); got != string(data) {
				t.Errorf("%d bytes: read back %d others", size, len(got))
			}
		}
	}
}

// TestCrashLeftovers: what a killed process was writing is gone after the next start.
func TestCrashLeftovers(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	half := filepath.Join(dir, "temp", "put-123")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, "k", "data", blob.Meta{})
	files, err := filepath.Glob(filepath.Join(dir, "objects", "*", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for _, content := range []string{"", "\x00\x00", "\xff\xff\xff\xff{}", "\x00\x00\x00\x05{}", "\x00\x00\x00\x02]["} {
		if err := os.WriteFile(files[0], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(blob.ObjectBucket, "k"); err == nil || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("file %q: error %v", content, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "signing-key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.Open(dir, blob.Options{}); err == nil {
		t.Error("opened with a damaged signing key")
	}
}

func TestOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits: files inherit the folder's owner and list")
	}
	dir := t.TempDir()
	write(t, open(t, dir), "k", "data", blob.Meta{})
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
