package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/workerkit/workerkit/internal/archive"
)

// entry is one of an archive; what ends with / is a folder.
type entry struct {
	name, text string
	link, hard string
	mode       int64
	kind       byte
}

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.text)), Typeflag: tar.TypeReg, ModTime: time.Unix(1e9, 0)}
		switch {
		case e.kind != 0:
			h.Typeflag = e.kind
		case e.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		case e.hard != "":
			h.Typeflag, h.Linkname = tar.TypeLink, e.hard
		case strings.HasSuffix(e.name, "/"):
			h.Typeflag = tar.TypeDir
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Unix(1e9, 0)}
		h.SetMode(0o755)
		if e.link != "" {
			e.text = e.link
			h.SetMode(fs.ModeSymlink | 0o777)
		}
		file, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(file, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// place is a folder to unpack into, beside one that nothing may reach.
type place struct{ dst, outside string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	p := place{filepath.Join(dir, "in"), filepath.Join(dir, "outside")}
	if err := os.Mkdir(p.outside, 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p place) unpack(t *testing.T, format string, data []byte) error {
	t.Helper()
	src := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(src, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return archive.Unpack(t.Context(), src, p.dst, format)
}

// bzip2 of a tar with the file a/b that says hello: the standard library does not compress it.
const bz2 = "QlpoOTFBWSZTWf/JPMsAAIz7hMmQAFBAAO+AAANyRJ4AAACACCAAdQlJpNHqAA09QAFSpD1DE0aDIPUepVbXHPKikgw4RJFGd15j1uXt50XJDYHSpE7FOCMhETd5ATgUI+FzRfFZsrLCAP9M1rtr9eDQ0YKrNxZZRIfxdyRThQkP/JPMsA=="

func compressed(t *testing.T, w func(io.Writer) (io.WriteCloser, error), data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	c, err := w(&b)
	if err == nil {
		_, err = c.Write(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFormats(t *testing.T) {
	plain := tarOf(t, entry{name: "a/"}, entry{name: "a/b", text: "hello"})
	bzip, err := base64.StdEncoding.DecodeString(bz2)
	if err != nil {
		t.Fatal(err)
	}
	data := map[string][]byte{
		"tar": plain, "tar.bz2": bzip, "zip": zipOf(t, entry{name: "a/b", text: "hello"}),
		"tar.gz":  compressed(t, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }, plain),
		"tar.zz":  compressed(t, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }, plain),
		"tar.sz":  compressed(t, func(w io.Writer) (io.WriteCloser, error) { return s2.NewWriter(w, s2.WriterSnappyCompat()), nil }, plain),
		"tar.zst": compressed(t, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }, plain),
	}
	for _, format := range archive.Formats() {
		p := newPlace(t)
		if err := p.unpack(t, format, data[format]); err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if text, err := os.ReadFile(filepath.Join(p.dst, "a", "b")); err != nil || strings.TrimSpace(string(text)) != "hello" {
			t.Errorf("%s: %q, %v", format, text, err)
		}
	}
	for _, format := range []string{"7z", "rar", "tar.xz", "tar.lz4", "", "targz"} {
		err := newPlace(t).unpack(t, format, plain)
		if !errors.Is(err, archive.ErrFormat) || !strings.Contains(err.Error(), "tar.zst") {
			t.Errorf("%q: %v", format, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	whole := tarOf(t, entry{name: "a", text: strings.Repeat("x", 5000)})
	for format, data := range map[string][]byte{"tar": whole[:3000], "tar.gz": []byte("no"), "zip": []byte("no"), "tar.zst": whole, "tar.bz2": whole} {
		if err := newPlace(t).unpack(t, format, data); err == nil || errors.Is(err, archive.ErrFormat) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestNothingGetsOut tries each way out that is known.
func TestNothingGetsOut(t *testing.T) {
	for name, entries := range map[string][]entry{
		"up":                      {{name: "../outside/x", text: "x"}},
		"up inside":               {{name: "a/../../outside/x", text: "x"}},
		"absolute":                {{name: "/tmp/x", text: "x"}},
		"folder above":            {{name: "../outside/d/"}},
		"symlink up":              {{name: "l", link: "../outside"}},
		"symlink absolute":        {{name: "l", link: "/etc/passwd"}},
		"symlink deep":            {{name: "a/b/l", link: "../../../outside"}},
		"below a symlink":         {{name: "d/"}, {name: "l", link: "d"}, {name: "l/x", text: "x"}},
		"folder below a symlink":  {{name: "d/"}, {name: "l", link: "d"}, {name: "l/x/"}},
		"symlink below a symlink": {{name: "a/b/c/"}, {name: "l", link: "a/b/c"}, {name: "l/up", link: ".."}},
		"symlink that winds":      {{name: "a/b/"}, {name: "l", link: "a/b"}, {name: "m", link: "l/../../outside"}},
		"symlink of a symlink":    {{name: "a/"}, {name: "l", link: "."}, {name: "a/m", link: "../l/.."}},
		"hard link up":            {{name: "l", hard: "../outside/secret"}},
		"hard link absolute":      {{name: "l", hard: "/etc/passwd"}},
		"hard link to a symlink":  {{name: "s", link: "."}, {name: "l", hard: "s"}},
		"hard link by a symlink":  {{name: "d/f", text: "x"}, {name: "s", link: "d"}, {name: "l", hard: "s/f"}},
		"hard link to a folder":   {{name: "d/"}, {name: "l", hard: "d"}},
		"a pipe":                  {{name: "p", kind: tar.TypeFifo}},
		"a device":                {{name: "c", kind: tar.TypeChar}},
		"file over a folder":      {{name: "d/x", text: "x"}, {name: "d", text: "x"}},
		"folder over a file":      {{name: "d", text: "x"}, {name: "d/x", text: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			if err := os.WriteFile(filepath.Join(p.outside, "secret"), []byte("secret"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := p.unpack(t, "tar", tarOf(t, entries...))
			if !errors.Is(err, archive.ErrEntry) {
				t.Errorf("tar: %v", err)
			}
			if left, err := os.ReadDir(p.outside); err != nil || len(left) != 1 {
				t.Errorf("outside there is %v, %v", left, err)
			}
		})
	}
	for name, e := range map[string]entry{"zip, up": {name: "../x"}, "zip, symlink": {name: "l", link: "../outside"}, "zip, absolute": {name: "/x"}} {
		if err := newPlace(t).unpack(t, "zip", zipOf(t, e)); !errors.Is(err, archive.ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestALinkThatIsThere leads outside; nothing is written through it.
func TestALinkThatIsThere(t *testing.T) {
	p := newPlace(t)
	if err := os.Mkdir(p.dst, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"l", "f"} {
		if err := os.Symlink(p.outside, filepath.Join(p.dst, link)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	if err := p.unpack(t, "tar", tarOf(t, entry{name: "l/x", text: "x"})); !errors.Is(err, archive.ErrEntry) {
		t.Errorf("below it: %v", err)
	}
	if err := p.unpack(t, "tar", tarOf(t, entry{name: "f", text: "x"})); err != nil {
		t.Errorf("in its place: %v", err)
	}
	if left, err := os.ReadDir(p.outside); err != nil || len(left) != 0 {
		t.Errorf("outside there is %v, %v", left, err)
	}
}

func TestWhatIsKept(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has neither modes nor links that need no privilege")
	}
	p := newPlace(t)
	err := p.unpack(t, "tar", tarOf(t,
		entry{name: "./"}, entry{name: "ro/", mode: 0o555}, entry{name: "ro/f", text: "f", mode: 0o4751},
		entry{name: "sub/l", link: "../ro/f"}, entry{name: "h", hard: "ro/f"}, entry{name: "again", text: "1"}, entry{name: "again", text: "2"},
	))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(filepath.Join(p.dst, "ro"), 0o700) }()
	for name, want := range map[string]fs.FileMode{"ro": fs.ModeDir | 0o555, "ro/f": 0o751, "sub/l": 0o751, "h": 0o751} {
		if info, err := os.Stat(filepath.Join(p.dst, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want %v; %v", name, info.Mode(), want, err)
		}
	}
	if info, err := os.Stat(filepath.Join(p.dst, "ro/f")); err != nil || info.ModTime().Unix() != 1e9 {
		t.Errorf("its time is %v, %v", info.ModTime(), err)
	}
	if text, err := os.ReadFile(filepath.Join(p.dst, "again")); err != nil || string(text) != "2" {
		t.Errorf("the later one: %q, %v", text, err)
	}
}

func TestCancelled(t *testing.T) {
	src := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(src, tarOf(t, entry{name: "a"}), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if err := archive.Unpack(ctx, src, filepath.Join(t.TempDir(), "dst"), "tar"); !errors.Is(err, why) {
		t.Error(err)
	}
}
