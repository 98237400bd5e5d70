package enginetest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
)

// left is a run that has ended, and made these files.
func (c Case) left(t *testing.T, m Make, files ...string) (*run, engines.Result) {
	t.Helper()
	m.Files = map[string]string{}
	for _, name := range files {
		m.Files[name] = "text of " + name
	}
	run := c.begin(t, Act{Make: m})
	result := wait(t, run.start(t))
	if s := result.Status(); !s.Success {
		t.Fatalf("the files were not made: %+v, %s", s, run.output(t))
	}
	return run, result
}

func readFile(t *testing.T, result engines.Result, path string) string {
	t.Helper()
	file, err := result.OpenFile(t.Context(), path)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer file.Close()
	return readAll(t, file)
}

func readAll(t *testing.T, file engines.File) string {
	t.Helper()
	data, err := io.ReadAll(file)
	info, statErr := file.Stat()
	if err := errors.Join(err, statErr); err != nil {
		t.Error(err)
		return ""
	}
	if !info.Mode().IsRegular() || info.Size() != int64(len(data)) {
		t.Errorf("read %d bytes of %d of a file with mode %s", len(data), info.Size(), info.Mode())
	}
	if n, err := file.Seek(0, io.SeekStart); n != 0 || err != nil {
		t.Errorf("back to the start: %d, %v", n, err)
	}
	return string(data)
}

func opens(t *testing.T, c Case) {
	run, result := c.left(t, Make{}, "a.txt", "dir/b.txt", "ü/世界.txt")
	for path, want := range map[string]string{
		"a.txt":                         "text of a.txt",
		"dir/b.txt":                     "text of dir/b.txt",
		"./dir/../dir/b.txt":            "text of dir/b.txt",
		"ü/世界.txt":                      "text of ü/世界.txt",
		filepath.Join(run.Dir, "a.txt"): "text of a.txt",
	} {
		if got := readFile(t, result, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for path, want := range map[string]error{
		"missing":                         fs.ErrNotExist,
		"missing/too":                     fs.ErrNotExist,
		filepath.Join(run.Dir, "missing"): fs.ErrNotExist,
		"dir":                             engines.ErrWrongKind,
		".":                               engines.ErrWrongKind,
	} {
		refused(t, result, path, want)
	}
}

// refused expects that a path cannot be opened, with any error when want is nil, and that this is known soon.
func refused(t *testing.T, result engines.Result, path string, want error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		file, err := result.OpenFile(t.Context(), path)
		if err == nil {
			err = errors.Join(errOpened, file.Close())
		}
		done <- err
	}()
	select {
	case err := <-done:
		if errors.Is(err, errOpened) || want != nil && !errors.Is(err, want) {
			t.Errorf("open %s: %v, want %v", path, err, want)
		}
	case <-time.After(patience):
		t.Fatalf("open %s hangs", path)
	}
}

var errOpened = errors.New("it was opened")

// list walks a directory and reads every file.
func list(t *testing.T, result engines.Result, path string) ([]string, error) {
	t.Helper()
	var found []string
	var opens []func() (engines.File, error)
	err := result.WalkDir(t.Context(), path, func(rel string, open func() (engines.File, error)) error {
		found = append(found, rel)
		opens = append(opens, open, open)
		return nil
	})
	for _, open := range opens { // later, and more than once
		file, err := open()
		if err != nil {
			t.Error(err)
			continue
		}
		readAll(t, file)
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	return found, err
}

func walks(t *testing.T, c Case) {
	run, result := c.left(t, Make{}, "out/b.txt", "out/a/z.txt", "out/a/deep/er/x", "out/c", "out/a.txt", "other/not")
	want := []string{"a/deep/er/x", "a/z.txt", "a.txt", "b.txt", "c"}
	for _, path := range []string{"out", "./out/", filepath.Join(run.Dir, "out")} {
		if got, err := list(t, result, path); err != nil || !slices.Equal(got, want) {
			t.Errorf("walk %s: %q, %v; want %q", path, got, err, want)
		}
	}
	for path, want := range map[string]error{"missing": fs.ErrNotExist, "out/c": engines.ErrWrongKind} {
		if _, err := list(t, result, path); !errors.Is(err, want) {
			t.Errorf("walk %s: %v, want %v", path, err, want)
		}
	}
	walksEndEarly(t, result)
}

func walksEndEarly(t *testing.T, result engines.Result) {
	stop := errors.New("stop")
	visits := 0
	err := result.WalkDir(t.Context(), "out", func(string, func() (engines.File, error)) error {
		visits++
		return stop
	})
	if visits != 1 || !errors.Is(err, stop) {
		t.Errorf("%d visits after an error of the first, %v", visits, err)
	}
	cause := errors.New("no time")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	err = result.WalkDir(ctx, "out", func(string, func() (engines.File, error)) error { return nil })
	if !errors.Is(err, cause) {
		t.Errorf("WalkDir returned %v, not what ended its context", err)
	}
}
