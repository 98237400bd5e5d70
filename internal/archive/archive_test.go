package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/workerkit/workerkit/internal/archive"
)

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
	return p.limited(t, archive.DefaultLimits(), format, data)
}

// limited unpacks a stream where that can be done, else a file.
func (p place) limited(t *testing.T, limits archive.Limits, format string, data []byte) error {
	t.Helper()
	if archive.Streams(format) {
		return limits.UnpackFrom(t.Context(), bytes.NewReader(data), p.dst, format)
	}
	return limits.Unpack(t.Context(), write(t, data), p.dst, format)
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	src := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(src, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return src
}

func (p place) has(t *testing.T, want map[string]string) {
	t.Helper()
	for name, want := range want {
		if text, err := os.ReadFile(filepath.Join(p.dst, name)); err != nil || string(text) != want {
			t.Errorf("%s: %d bytes, want %d; %v", name, len(text), len(want), err)
		}
	}
}

// small has one of each kind of data: none, little, and more than a buffer.
func small() (entries []entry, want map[string]string) {
	big := numbers(20_000)
	return []entry{{name: "a/"}, {name: "a/b", text: "hello"}, {name: "a/empty"}, {name: "c/d/big", text: big}},
		map[string]string{"a/b": "hello", "a/empty": "", "c/d/big": big}
}

func TestFormats(t *testing.T) {
	want := []string{"7z", "rar", "tar", "tar.br", "tar.bz2", "tar.gz", "tar.lz", "tar.lz4", "tar.mz", "tar.sz", "tar.xz", "tar.zst", "tar.zz", "zip"}
	if got := archive.Formats(); !slices.Equal(got, want) {
		t.Errorf("formats %q", got)
	}
	entries, texts := small()
	for _, format := range want {
		data := archiveOf(t, format, entries...)
		p := newPlace(t)
		if err := archive.Unpack(t.Context(), write(t, data), p.dst, format); err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		p.has(t, texts)
		p = newPlace(t)
		err := archive.UnpackFrom(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), p.dst, format)
		if archive.Streams(format) != (format != "7z" && format != "zip") {
			t.Errorf("%s: streams: %v", format, archive.Streams(format))
		}
		if !archive.Streams(format) {
			if !errors.Is(err, archive.ErrFormat) {
				t.Errorf("%s, streamed: %v", format, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s, streamed: %v", format, err)
		}
		p.has(t, texts)
	}
}

func TestUnknownFormats(t *testing.T) {
	for _, format := range []string{"", "targz", "tar.", "tar.7z", "gz", "zip.gz", "TAR"} {
		p := newPlace(t)
		for _, err := range []error{p.unpack(t, format, nil), archive.UnpackFrom(t.Context(), strings.NewReader(""), p.dst, format)} {
			if !errors.Is(err, archive.ErrFormat) || !strings.Contains(err.Error(), "tar.zst") {
				t.Errorf("%q: %v", format, err)
			}
		}
		if archive.Streams(format) {
			t.Errorf("%q streams", format)
		}
		if _, err := os.Stat(p.dst); err == nil {
			t.Errorf("%q: the folder was made", format)
		}
	}
}

// TestDamaged cuts archives off and changes bytes of them: what is missing never goes unnoticed.
func TestDamaged(t *testing.T) {
	entries := []entry{{name: "dir/file", text: numbers(30)}}
	for _, format := range archive.Formats() {
		data := archiveOf(t, format, entries...)
		step := max(len(data)/20, 1)
		for cut := 0; cut < len(data); cut += step {
			if format == "tar" && cut >= 512+len(entries[0].text) { // what follows is nothing but zeros
				break
			}
			p := newPlace(t)
			err := p.unpack(t, format, data[:cut])
			if err == nil || !strings.HasPrefix(err.Error(), "unpack "+format+": ") || errors.Is(err, archive.ErrFormat) {
				t.Errorf("%s: %d of %d bytes: %v", format, cut, len(data), err)
			}
		}
		if err := newPlace(t).unpack(t, format, []byte(strings.Repeat("nonsense", 200))); err == nil {
			t.Errorf("%s: nonsense is no error", format)
		}
	}
}

// TestChecksums changes the data of archives that do not compress it.
func TestChecksums(t *testing.T) {
	for _, format := range []string{"7z", "rar"} {
		data := makers()[format](t, entry{name: "f", text: "some text"}, entry{name: "g", text: "and more"})
		data = bytes.Replace(data, []byte("some text"), []byte("Some text"), 1)
		if err := newPlace(t).unpack(t, format, data); err == nil || !strings.Contains(err.Error(), `"f"`) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestWhatIsKept(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has neither modes nor links that need no privilege")
	}
	for kind, make := range makers() {
		p := newPlace(t)
		entries := []entry{
			{name: "ro/", mode: 0o555}, {name: "ro/f", text: "f", mode: 0o4751}, {name: "open", text: "o", mode: 0o666},
			{name: "sub/l", link: "../ro/f"}, {name: "again", text: "1"}, {name: "again", text: "2"},
		}
		want := map[string]fs.FileMode{"ro": fs.ModeDir | 0o555, "ro/f": 0o751, "sub/l": 0o751, "open": 0o666}
		if kind == "tar" || kind == "rar" {
			entries = append(entries, entry{name: "h", hard: "ro/f"})
			want["h"] = 0o751
		}
		if err := p.unpack(t, kind, make(t, entries...)); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		defer func() { _ = os.Chmod(filepath.Join(p.dst, "ro"), 0o700) }() //nolint:gosec // a folder, so that it can be removed
		for name, want := range want {
			if info, err := os.Stat(filepath.Join(p.dst, name)); err != nil || info.Mode() != want {
				t.Errorf("%s: %s: %v, want %v; %v", kind, name, info.Mode(), want, err)
			}
		}
		if info, err := os.Stat(filepath.Join(p.dst, "ro/f")); kind != "7z" && (err != nil || info.ModTime().Unix() != 1e9) {
			t.Errorf("%s: its time is %v, %v", kind, info.ModTime(), err)
		}
		p.has(t, map[string]string{"again": "2"})
	}
}

// TestReplaced unpacks over what is there.
func TestReplaced(t *testing.T) {
	p := newPlace(t)
	for _, text := range []string{"longer than the other", "short"} {
		if err := p.unpack(t, "tar", tarOf(t, entry{name: "d/f", text: text}, entry{name: "h", hard: "d/f"})); err != nil {
			t.Fatal(err)
		}
		p.has(t, map[string]string{"d/f": text, "h": text})
	}
}

func TestCancelled(t *testing.T) {
	why := errors.New("why")
	for _, format := range archive.Formats() {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		data := archiveOf(t, format, entry{name: "a", text: "text"})
		if err := archive.Unpack(ctx, write(t, data), newPlace(t).dst, format); !errors.Is(err, why) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestCancelledInTheMiddle ends a context while data without an end is unpacked.
func TestCancelledInTheMiddle(t *testing.T) {
	why := errors.New("why")
	for _, format := range []string{"tar", "tar.gz", "tar.zst"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		data := archiveOf(t, format, entry{name: "a", text: numbers(50_000)})
		begin := io.MultiReader(bytes.NewReader(data[:len(data)/2]), callback(func() error { cancel(why); return ctx.Err() }))
		if err := archive.UnpackFrom(ctx, begin, newPlace(t).dst, format); !errors.Is(err, why) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestReaderFails gives an error after the last byte, as a download does whose hash is wrong.
func TestReaderFails(t *testing.T) {
	why := errors.New("why")
	for _, format := range archive.Formats() {
		if !archive.Streams(format) {
			continue
		}
		data := archiveOf(t, format, entry{name: "a", text: "text"})
		r := io.MultiReader(bytes.NewReader(data), callback(func() error { return why }))
		if err := archive.UnpackFrom(t.Context(), r, newPlace(t).dst, format); !errors.Is(err, why) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// callback is a reader that has only an error.
type callback func() error

func (c callback) Read([]byte) (int, error) { return 0, c() }
