package leaves_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/platformtest/leaves"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFind(t *testing.T) {
	found, err := leaves.Find(tree(t, map[string]string{
		"a/a.go":                  "package a",
		"a/a_windows.go":          "package a",
		"a/a_unix.go":             "//go:build unix\n\npackage a", // the name alone says nothing to Go
		"a/b_unix.go":             "package a",
		"a/a_other.go":            "// Package a is one.\n\n//go:build !linux && !windows\n\npackage a",
		"a/b_bsd.go":              "//go:build darwin || freebsd\n\npackage a",
		"a/a_linux_amd64.go":      "package a",
		"a/every.go":              "//go:build linux || darwin || windows || freebsd || plan9\n\npackage a",
		"a/a_windows_test.go":     "package a",
		"a/testdata/b_windows.go": "package b",
		"tools/b_windows.go":      "package b",
		"b_plan9.go":              "package b",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []leaves.Leaf{
		{"a/a_linux_amd64.go", []string{"linux"}},
		{"a/a_other.go", []string{"darwin", "freebsd"}},
		{"a/a_unix.go", []string{"linux", "darwin", "freebsd"}},
		{"a/a_windows.go", []string{"windows"}},
		{"a/b_bsd.go", []string{"darwin", "freebsd"}},
		{"b_plan9.go", nil},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func TestExecuted(t *testing.T) {
	seen := map[string]bool{}
	for _, profile := range []string{
		"mode: set\n" +
			leaves.Module + "a/x.go:1.2,3.4 5 1\n" +
			leaves.Module + "a/y.go:1.2,3.4 5 0\n" +
			leaves.Module + "a/z.go:1.2,3.4 5 0\n" +
			leaves.Module + "a/z.go:7.2,8.4 1 1\n",
		"mode: atomic\n" + leaves.Module + "b/w.go:1.2,3.4 5 301\n" + leaves.Module + "a/x.go:1.2,3.4 5 0\n",
	} {
		if err := leaves.Executed(strings.NewReader(profile), seen); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]bool{"a/x.go": true, "a/z.go": true, "b/w.go": true}, seen); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"ok package 0.1s\n", leaves.Module + "a/x.go:1.2,3.4 5\n"} {
		if leaves.Executed(strings.NewReader(bad), seen) == nil {
			t.Errorf("%q was taken for a profile", bad)
		}
	}
}

func TestLevel(t *testing.T) {
	all := map[string]bool{"f": true}
	for _, c := range []struct {
		systems []string
		seen    leaves.Seen
		want    leaves.Level
	}{
		{leaves.Systems()[:1], leaves.Seen{Linux: all}, leaves.Run},
		{[]string{"windows"}, leaves.Seen{Wine: all}, leaves.Wine},
		{[]string{"linux", "windows"}, leaves.Seen{Linux: all, Wine: all}, leaves.Run},
		{[]string{"linux", "windows"}, leaves.Seen{Wine: all}, leaves.Wine},
		{[]string{"linux"}, leaves.Seen{}, leaves.Compiled},
		{[]string{"windows", "freebsd"}, leaves.Seen{Linux: all}, leaves.Compiled},
		{[]string{"darwin", "freebsd"}, leaves.Seen{Linux: all, Wine: all}, leaves.Compiled},
	} {
		if got := c.seen.Level(leaves.Leaf{Name: "f", Systems: c.systems}); got != c.want {
			t.Errorf("%v: %q, want %q", c.systems, got, c.want)
		}
	}
}

func TestLevelOnARM64(t *testing.T) {
	all := map[string]bool{"f": true}
	for _, c := range []struct {
		systems []string
		seen    leaves.Seen
		want    leaves.Level
	}{
		{[]string{"linux", "darwin"}, leaves.Seen{ARM64: all}, leaves.Emulated},
		{[]string{"linux"}, leaves.Seen{Linux: all}, leaves.Compiled},
		{[]string{"windows"}, leaves.Seen{Wine: all, ARM64: all}, leaves.Compiled},
	} {
		if got := c.seen.LevelOnARM64(leaves.Leaf{Name: "f", Systems: c.systems}); got != c.want {
			t.Errorf("%v: %q, want %q", c.systems, got, c.want)
		}
	}
}

func TestPageAndBack(t *testing.T) {
	some := []leaves.Leaf{{"a_linux.go", []string{"linux"}}, {"a_windows.go", []string{"windows"}}, {"b.go", []string{"linux", "darwin"}}}
	page := leaves.Page(some, leaves.Seen{
		Linux: map[string]bool{"b.go": true}, Wine: map[string]bool{"a_windows.go": true}, ARM64: map[string]bool{"a_linux.go": true},
	})
	for _, line := range []string{"| linux | 2 | 1 | 0 | 1 | 1 |\n", "| windows | 1 | 0 | 1 | 0 | 0 |\n", "| darwin | 1 | 1 | 0 | 0 | 0 |\n"} {
		if !strings.Contains(page, line) {
			t.Errorf("no line %q in\n%s", line, page)
		}
	}
	claims, err := leaves.Claims(page)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]leaves.Claim{
		"a_linux.go":   {leaves.Compiled, leaves.Emulated},
		"a_windows.go": {leaves.Wine, leaves.Compiled},
		"b.go":         {leaves.Run, leaves.Compiled},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error(diff)
	}
	if _, err := leaves.Claims(page + page); err == nil {
		t.Error("two tables were taken for one")
	}
}

// TestThePageIsTrue holds what can be known of docs/platforms.md without the runs: it has every leaf and
// no other, and claims no run that cannot have been.
func TestThePageIsTrue(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "platforms.md"))
	if err != nil {
		t.Fatal(err)
	}
	claims, err := leaves.Claims(string(page))
	if err != nil {
		t.Fatal(err)
	}
	found, err := leaves.Find(root)
	if err != nil || len(found) < 50 {
		t.Fatalf("%d leaves, %v: the walk is broken", len(found), err)
	}
	for _, l := range found {
		claim, listed := claims[l.Name]
		delete(claims, l.Name)
		amd64, arm64 := possible(l)
		switch {
		case !listed:
			t.Errorf("docs/platforms.md does not have %s: make platforms", l.Name)
		case !slices.Contains(amd64, claim.AMD64) || !slices.Contains(arm64, claim.ARM64):
			t.Errorf("docs/platforms.md says of %s, which is for %v: %q; it can be %q and %q", l.Name, l.Systems, claim, amd64, arm64)
		}
	}
	for name := range claims {
		t.Errorf("docs/platforms.md has %s, which is no leaf: make platforms", name)
	}
}

// possible is what runs can have shown of a leaf.
func possible(l leaves.Leaf) (amd64, arm64 []leaves.Level) {
	amd64, arm64 = []leaves.Level{leaves.Compiled}, []leaves.Level{leaves.Compiled}
	if l.On("linux") {
		amd64, arm64 = append(amd64, leaves.Run), append(arm64, leaves.Emulated)
	}
	if l.On("windows") {
		amd64 = append(amd64, leaves.Wine)
	}
	return amd64, arm64
}
