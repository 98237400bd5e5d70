package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/packaging/release/archive"
)

var when = time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC)

// files are the same files at different places, with different modes and times.
func files(t *testing.T, mode os.FileMode, changed time.Time) []archive.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, bytes.Repeat([]byte("code "), 10_000), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, changed, changed); err != nil {
		t.Fatal(err)
	}
	return []archive.File{
		{Name: "bin/program", Executable: true, Path: path},
		{Name: "README", Data: []byte("read me\n")},
	}
}

func TestTheSameFilesMakeTheSameBytes(t *testing.T) {
	for _, name := range []string{"a.tar.gz", "a.zip"} {
		one := files(t, 0o600, time.Unix(1, 0))
		two := files(t, 0o777, time.Now())
		slices.Reverse(two)
		first, second := write(t, name, one, when), write(t, name, two, when.In(time.FixedZone("far", 5*3600)))
		if !bytes.Equal(first, second) {
			t.Errorf("%s: two archives of the same files differ", name)
		}
		if bytes.Equal(first, write(t, name, one, when.Add(2*time.Second))) {
			t.Errorf("%s: the time makes no difference: the comparison is worth nothing", name)
		}
	}
}

func write(t *testing.T, name string, files []archive.File, when time.Time) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := archive.Write(path, "top", when, files); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTar(t *testing.T) {
	unzipped, err := gzip.NewReader(bytes.NewReader(write(t, "a.tar.gz", files(t, 0o600, time.Now()), when)))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(unzipped)
	var got []string
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h.Name)
		if want := map[string]int64{"top/bin/program": 0o755, "top/README": 0o644}[h.Name]; h.Mode != want {
			t.Errorf("%s has mode %o, want %o", h.Name, h.Mode, want)
		}
		if !h.ModTime.Equal(when) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s: %v, %d:%d %q", h.Name, h.ModTime, h.Uid, h.Gid, h.Uname)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != h.Size {
			t.Errorf("%s: %d of %d bytes, %v", h.Name, n, h.Size, err)
		}
	}
	if !slices.Equal(got, []string{"top/README", "top/bin/program"}) {
		t.Errorf("got %v", got)
	}
}

func TestZip(t *testing.T) {
	data := write(t, "a.zip", files(t, 0o600, time.Now()), when)
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 2 || r.File[1].Name != "top/bin/program" || r.File[1].Mode() != 0o755 || !r.File[1].Modified.Equal(when) {
		t.Errorf("got %+v", r.File[1].FileHeader)
	}
}

func TestBadInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar.gz")
	twice := []archive.File{{Name: "a"}, {Name: "b"}, {Name: "a"}}
	if err := archive.Write(path, "top", when, twice); err == nil || !strings.Contains(err.Error(), "two files are called a") {
		t.Errorf("got %v", err)
	}
	if err := archive.Write(path, "top", when, []archive.File{{Name: "a", Path: "nowhere"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := archive.Write(path, "top", when, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("over what is there: %v", err)
	}
}
