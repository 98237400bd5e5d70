package mounts

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/worker/engines"
)

// A cache on another file system than the task directory's is mounted by root, and what is given is copied.
func TestOtherFileSystem(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	var logged strings.Builder
	s := newSet(t)
	s.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	other := t.TempDir()
	if err := unix.Mount("other", other, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(other, unix.MNT_DETACH) })
	cache, given := write(t, filepath.Join(other, "cache"), "old"), write(t, filepath.Join(other, "given"), "a/file")
	for _, m := range []engines.Mount{{Source: cache, Target: "v"}, {Source: given, Target: "g", Given: true}} {
		if err := s.Mount(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	write(t, s.Dir, "v/new")
	if got := below(t, s.Dir); got != "g g/a g/a/file v v/new v/old" {
		t.Errorf("the task has %q", got)
	}
	if err := s.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	if got := below(t, other); got != "cache cache/new cache/old" {
		t.Errorf("there is %q", got)
	}
	if !strings.Contains(logged.String(), "another file system") {
		t.Errorf("no warning: %s", logged.String())
	}
	if err := os.Mkdir(filepath.Join(s.Dir, "again"), 0o700); err != nil {
		t.Error(err)
	}
}

// at is a place in a folder.
func at(t *testing.T, dir, name string) *place {
	t.Helper()
	way, err := Reserve(filepath.Join(dir, name), true)
	if err != nil {
		t.Fatal(err)
	}
	held, err := hold(way)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	return &place{dir: held, name: name}
}

// What of a cache could not be copied back would be half a cache.
func TestCopiedBackInPart(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	other := t.TempDir()
	if err := unix.Mount("other", other, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(other, unix.MNT_DETACH) })
	s := newSet(t)
	cache, p := filepath.Join(other, "cache"), at(t, s.Dir, "v")
	write(t, filepath.Join(s.Dir, "v"), "a", "b")
	if err := os.WriteFile(filepath.Join(s.Dir, "v", "b"), make([]byte, 128<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.back(t.Context(), cache, p, true); err == nil {
		t.Error("there was space for it")
	}
	if _, err := os.Lstat(cache); err == nil {
		t.Errorf("left %q", below(t, cache))
	}
}

// Without the right to mount a cache of another file system is copied there and back.
func TestCopiedThereAndBack(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	other := t.TempDir()
	if err := unix.Mount("other", other, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(other, unix.MNT_DETACH) })
	cache, dir := write(t, filepath.Join(other, "cache"), "old"), t.TempDir()
	p := at(t, dir, "v")
	if err := move(t.Context(), cache, p); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "v"), "new")
	if err := newSet(t).takeBack(t.Context(), cache, p, true); err != nil {
		t.Fatal(err)
	}
	if got := below(t, other); got != "cache cache/new cache/old" {
		t.Errorf("there is %q", got)
	}
	if _, err := os.Lstat(filepath.Join(dir, "v")); err == nil {
		t.Error("the copy is left")
	}
}
