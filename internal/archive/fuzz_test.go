package archive_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/archive"
)

// FuzzUnpack: whatever an archive has in it, nothing appears outside the folder, and no data makes
// the program end.
func FuzzUnpack(f *testing.F) {
	formats := archive.Formats()
	for _, entries := range hostile() {
		for i, format := range formats {
			if maker, is := makers()[format]; is && len(entries[0].name) < 100 && len(entries[0].link) < 100 {
				f.Add(byte(i), maker(f, entries...))
			}
		}
	}
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		_, format, _ := strings.Cut(filepath.Base(file), ".")
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := range formats {
			if formats[i] == format {
				f.Add(byte(i), data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		p := newPlace(t)
		format := formats[int(which)%len(formats)]
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		limits := archive.Limits{MaxEntries: 100}
		if archive.Streams(format) {
			_ = limits.UnpackFrom(ctx, &slow{r: bytes.NewReader(data)}, p.dst, format)
		} else {
			_ = limits.Unpack(ctx, write(t, data), p.dst, format)
		}
		all, err := os.ReadDir(filepath.Dir(p.dst))
		if err != nil || len(all) > 2 {
			t.Errorf("beside the folder there is %v, %v", all, err)
		}
		if left, err := os.ReadDir(p.outside); err != nil || len(left) != 0 {
			t.Errorf("outside there is %v, %v", left, err)
		}
		_ = filepath.WalkDir(p.dst, func(path string, d os.DirEntry, _ error) error { // so that all can be removed
			if d != nil && d.IsDir() {
				return os.Chmod(path, 0o700) //nolint:gosec // a folder
			}
			return nil
		})
	})
}

// slow is a reader that gives a few bytes at a time.
type slow struct{ r io.Reader }

func (s *slow) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), 100)]) }
