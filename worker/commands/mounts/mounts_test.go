package mounts

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// newSet is the mounts of a task that runs as this process.
func newSet(t *testing.T) *Set {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &Set{Dir: dir, Hands: Lent{As: func(fn func() error) error { return fn() }}, Logger: slog.New(slog.DiscardHandler)}
}

// write makes files, with their own names as text, below dir.
func write(t *testing.T, dir string, names ...string) string {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// below lists what is in a folder, with slashes.
func below(t *testing.T, dir string) string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != dir {
			rel, _ := filepath.Rel(dir, path)
			found = append(found, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, " ")
}

// What the task makes of its cache, and of the folders above it, decides what comes back: the folder that is at the
// place, and nothing that a link leads to.
func TestTakenBack(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a right that few have on Windows")
	}
	elsewhere := write(t, t.TempDir(), "precious")
	for name, c := range map[string]struct {
		act  func(dir string) error
		want string
	}{
		"as it was":   {func(string) error { return nil }, "old"},
		"with more":   {func(dir string) error { return os.WriteFile(dir+"/a/v/new", nil, 0o600) }, "new old"},
		"closed":      {func(dir string) error { return os.Chmod(dir+"/a/v", 0) }, "old"},
		"made anew":   {func(dir string) error { return errors.Join(os.RemoveAll(dir+"/a/v"), os.Mkdir(dir+"/a/v", 0o700)) }, ""},
		"removed":     {func(dir string) error { return os.RemoveAll(dir + "/a/v") }, ""},
		"all removed": {func(dir string) error { return os.RemoveAll(dir + "/a") }, ""},
		"moved away":  {func(dir string) error { return os.Rename(dir+"/a/v", dir+"/other") }, ""},
		"a link": {func(dir string) error {
			return errors.Join(os.RemoveAll(dir+"/a/v"), os.Symlink(elsewhere, dir+"/a/v"))
		}, ""},
		"a file": {func(dir string) error {
			return errors.Join(os.RemoveAll(dir+"/a/v"), os.WriteFile(dir+"/a/v", nil, 0o600))
		}, ""},
		"links within": {func(dir string) error { return os.Symlink(elsewhere, dir+"/a/v/link") }, "link old"},
	} {
		s := newSet(t)
		source := write(t, filepath.Join(t.TempDir(), "cache"), "old")
		if err := s.Mount(t.Context(), engines.Mount{Source: source, Target: "a/v"}); err != nil {
			t.Fatal(err)
		}
		if got := below(t, filepath.Join(s.Dir, "a", "v")); got != "old" {
			t.Errorf("%s: the task has %q", name, got)
		}
		if err := c.act(s.Dir); err != nil {
			t.Fatal(err)
		}
		if err := s.Undo(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := below(t, source); got != c.want {
			t.Errorf("%s: the cache holds %q, want %q", name, got, c.want)
		}
		if info, err := os.Lstat(source); err != nil || !info.IsDir() {
			t.Errorf("%s: the cache is %v, %v", name, info, err)
		}
		if got := below(t, elsewhere); got != "precious" {
			t.Fatalf("%s: elsewhere there is %q", name, got)
		}
	}
}

// A cache goes with the folder above it, and what is there in its stead is left alone.
func TestFolderAboveIsReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not keep hold of the folder above")
	}
	s, elsewhere := newSet(t), t.TempDir()
	write(t, elsewhere, "v/precious")
	source := write(t, filepath.Join(t.TempDir(), "cache"), "old")
	if err := s.Mount(t.Context(), engines.Mount{Source: source, Target: "a/v"}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(s.Dir+"/a", s.Dir+"/b"), os.Symlink(elsewhere, s.Dir+"/a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	if got := below(t, source); got != "old" {
		t.Errorf("the cache holds %q", got)
	}
	if got := below(t, elsewhere); got != "v v/precious" {
		t.Errorf("elsewhere there is %q", got)
	}
}

// Outside the task directory nothing is left of the run, but what others use.
func TestOutside(t *testing.T) {
	for _, given := range []bool{false, true} {
		s, outside := newSet(t), t.TempDir()
		source := write(t, filepath.Join(t.TempDir(), "cache"), "old")
		at := filepath.Join(outside, "a", "b", "v")
		if err := s.Mount(t.Context(), engines.Mount{Source: source, Target: at, Given: given}); err != nil {
			t.Fatal(err)
		}
		if got := below(t, at); got != "old" {
			t.Errorf("the task has %q", got)
		}
		write(t, outside, "a/others")
		if err := s.Undo(t.Context()); err != nil {
			t.Error(err)
		}
		if got := below(t, outside); got != "a a/others" {
			t.Errorf("given %v: left %q", given, got)
		}
		if _, err := os.Stat(source); (err != nil) != given {
			t.Errorf("given %v: the source: %v", given, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	s, source := newSet(t), write(t, filepath.Join(t.TempDir(), "cache"), "old")
	write(t, s.Dir, "file", "full/file")
	if err := os.MkdirAll(filepath.Join(s.Dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"file": "something is there already", "full": "something is there already", "file/below": "not a directory",
		".": "it is the task directory", "..": "one above it", "/": "one above it",
	} {
		err := s.Mount(t.Context(), engines.Mount{Source: source, Target: target})
		if task.Resolve(err) != task.Failed || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), target) || strings.Contains(err.Error(), "/proc/") {
			t.Errorf("%s: %v, want %q", target, err, want)
		}
	}
	if err := s.Mount(t.Context(), engines.Mount{Source: source + "-not", Target: "v"}); err == nil || task.Resolve(err) != task.InternalError {
		t.Errorf("a source that there is not: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Mount(ended, engines.Mount{Source: source, Target: "v"}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if err := s.Mount(t.Context(), engines.Mount{Source: source, Target: "empty"}); err != nil {
		t.Errorf("an empty directory: %v", err)
	}
	if err := s.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	if got := below(t, source); got != "old" {
		t.Errorf("the cache holds %q", got)
	}
}

// copyPath is copyTree by paths.
func copyPath(ctx context.Context, from, to string) error {
	return inFolder(from, func(src *os.Root, name string) error {
		return inFolder(to, func(dst *os.Root, as string) error { return copyTree(ctx, src, name, dst, as) })
	})
}

// Across file systems everything that a tree may hold is copied.
func TestCopyTree(t *testing.T) {
	from, to := write(t, t.TempDir(), "a/file", "a/b/closed"), filepath.Join(t.TempDir(), "copy")
	if err := os.Chmod(filepath.Join(from, "a", "b", "closed"), 0o400); err != nil {
		t.Fatal(err)
	}
	linked := os.Symlink("nowhere", filepath.Join(from, "a", "link")) == nil
	_ = os.Mkdir(filepath.Join(from, "a", "caf\xe9"), 0o700)               // where the system takes names that are not UTF-8
	if err := os.Chmod(filepath.Join(from, "a", "b"), 0o500); err != nil { // full before it is closed
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = errors.Join(os.Chmod(filepath.Join(from, "a", "b"), 0o700), os.Chmod(filepath.Join(to, "a", "b"), 0o700))
	})
	if err := copyPath(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	if got, want := below(t, to), below(t, from); got != want {
		t.Errorf("copied %q, want %q", got, want)
	}
	if target, err := os.Readlink(filepath.Join(to, "a", "link")); linked && target != "nowhere" {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	for _, name := range []string{"a/file", "a/b", "a/b/closed"} {
		was, err := os.Stat(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		is, err := os.Stat(filepath.Join(to, name))
		if err != nil || is.Mode() != was.Mode() || !is.ModTime().Equal(was.ModTime()) {
			t.Errorf("%s: %v, want %v", name, is, was)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := copyPath(ended, from, to+"2"); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}
