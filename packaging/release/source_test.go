package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVersion(t *testing.T) {
	dir := checkout(t)
	version := func() string {
		t.Helper()
		s, err := openSource(t.Context(), dir, "", false)
		if err != nil {
			t.Fatal(err)
		}
		if want := time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC); !s.when.Equal(want) {
			t.Errorf("the time is %v, want that of the commit", s.when)
		}
		return strings.ReplaceAll(s.version, s.commit[:12], "HASH")
	}
	if got := version(); got != "0.1.0-dev.1.gHASH" {
		t.Errorf("no tag: %s", got)
	}
	run(t, dir, "tag", "v1.2.3")
	if got := version(); got != "1.2.3" {
		t.Errorf("a tag: %s", got)
	}
	put(t, filepath.Join(dir, "more"), "")
	commit(t, dir)
	if got := version(); got != "1.2.4-dev.1.gHASH" {
		t.Errorf("after the tag: %s", got)
	}
	run(t, dir, "tag", "v1.3.0-rc.1")
	if got := version(); got != "1.3.0-rc.1" {
		t.Errorf("a candidate: %s", got)
	}
	put(t, filepath.Join(dir, "still-more"), "")
	commit(t, dir)
	if got := version(); got != "1.3.0-rc.1.dev.1.gHASH" {
		t.Errorf("after a candidate: %s", got)
	}
}

func TestDirtyTree(t *testing.T) {
	dir := checkout(t)
	put(t, filepath.Join(dir, "LICENSE"), "theirs")
	put(t, filepath.Join(dir, "new file"), "")
	put(t, filepath.Join(dir, "secret"), "ignored by git")
	run(t, dir, "config", "status.showUntrackedFiles", "no") // a habit that must not hide what would be released
	if _, err := openSource(t.Context(), dir, "", false); err == nil || !strings.Contains(err.Error(), "2 files differ from commit") || !strings.Contains(err.Error(), "LICENSE") {
		t.Errorf("got %v", err)
	}
	for given, want := range map[string]string{"v1.2.3": "1.2.3-dirty", "1.2.3-rc.1": "1.2.3-rc.1.dirty"} {
		s, err := openSource(t.Context(), dir, given, true)
		if err != nil || s.version != want {
			t.Errorf("%s becomes %s, %v", given, s.version, err)
		}
	}
	s, err := openSource(t.Context(), dir, "", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "packaging", "linux", "a.conf")); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy")
	if err := s.export(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(to, "LICENSE")); string(got) != "theirs" {
		t.Errorf("got %q", got)
	}
	for name, want := range map[string]bool{"new file": true, "secret": false, ".git": false, "packaging/linux/a.conf": false} {
		info, err := os.Stat(filepath.Join(to, filepath.FromSlash(name)))
		if (err == nil) != want {
			t.Errorf("%s is copied: %v", name, err)
		}
		if err == nil && !info.ModTime().Equal(s.when) {
			t.Errorf("%s is of %v", name, info.ModTime())
		}
	}
}
