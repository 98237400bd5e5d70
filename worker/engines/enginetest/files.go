package enginetest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
)

// left is a run that has ended, with these files in its directory.
func (c Case) left(t *testing.T, files ...string) (*run, engines.Result) {
	t.Helper()
	run := c.begin(t, Act{})
	for _, name := range files {
		path := filepath.Join(run.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("text of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return run, wait(t, run.start(t))
}

// symlink makes a symbolic link in the task directory.
func (r *run) symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(r.Dir, name)); err != nil {
		t.Skipf("this user cannot make symbolic links: %v", err)
	}
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
	run, result := c.left(t, "a.txt", "dir/b.txt", "ü/世界.txt")
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
	t.Run("symbolic link", func(t *testing.T) {
		run, result := c.left(t, "a.txt")
		run.symlink(t, "a.txt", "link")
		run.symlink(t, "nowhere", "broken")
		if got := readFile(t, result, "link"); got != "text of a.txt" {
			t.Errorf("through a link: %q", got)
		}
		refused(t, result, "broken", fs.ErrNotExist)
	})
	t.Run("no permission", func(t *testing.T) {
		if runtime.GOOS == "windows" || os.Geteuid() == 0 {
			t.Skip("this user may read everything")
		}
		run, result := c.left(t, "a.txt")
		if err := os.Chmod(filepath.Join(run.Dir, "a.txt"), 0); err != nil {
			t.Fatal(err)
		}
		refused(t, result, "a.txt", fs.ErrPermission)
	})
	t.Run("pipe", func(t *testing.T) {
		run, result := c.left(t)
		fifo(t, filepath.Join(run.Dir, "pipe"))
		refused(t, result, "pipe", engines.ErrWrongKind)
	})
}

// refused expects that a path cannot be opened, and that this is known soon.
func refused(t *testing.T, result engines.Result, path string, want error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		file, err := result.OpenFile(t.Context(), path)
		if err == nil {
			err = errors.Join(errors.New("it was opened"), file.Close())
		}
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, want) {
			t.Errorf("open %s: %v, want %v", path, err, want)
		}
	case <-time.After(patience):
		t.Fatalf("open %s hangs", path)
	}
}

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
	run, result := c.left(t, "out/b.txt", "out/a/z.txt", "out/a/deep/er/x", "out/c", "out/a.txt", "other/not")
	if err := os.Mkdir(filepath.Join(run.Dir, "out", "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := []string{"a/deep/er/x", "a/z.txt", "a.txt", "b.txt", "c"}
	for _, path := range []string{"out", "./out/", filepath.Join(run.Dir, "out")} {
		if got, err := list(t, result, path); err != nil || !slices.Equal(got, want) {
			t.Errorf("walk %s: %q, %v; want %q", path, got, err, want)
		}
	}
	if got, err := list(t, result, "out/empty"); err != nil || len(got) > 0 {
		t.Errorf("an empty directory: %q, %v", got, err)
	}
	for path, want := range map[string]error{"missing": fs.ErrNotExist, "out/c": engines.ErrWrongKind} {
		if _, err := list(t, result, path); !errors.Is(err, want) {
			t.Errorf("walk %s: %v, want %v", path, err, want)
		}
	}
	walksEndEarly(t, result)
	t.Run("pipe", func(t *testing.T) {
		run, result := c.left(t, "out/a", "out/z")
		fifo(t, filepath.Join(run.Dir, "out", "pipe"))
		if got, err := list(t, result, "out"); err != nil || !slices.Equal(got, []string{"a", "z"}) {
			t.Errorf("a directory with a pipe: %q, %v", got, err)
		}
	})
	t.Run("symbolic links", func(t *testing.T) {
		run, result := c.left(t, "out/a", "dir/b")
		run.symlink(t, "../dir/b", "out/file")
		run.symlink(t, "../dir", "out/dir")
		run.symlink(t, "nowhere", "out/broken")
		run.symlink(t, "out", "way")
		for _, path := range []string{"out", "way"} {
			got, err := list(t, result, path)
			// whether a link is followed is the engine's to judge; a link to a directory never is
			if err != nil || !slices.Equal(got, []string{"a", "file"}) && !slices.Equal(got, []string{"a"}) {
				t.Errorf("walk %s: %q, %v; want the file and maybe the link to one", path, got, err)
			}
		}
	})
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
