package archive_test

import (
	"archive/tar"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/archive"
)

// hostile are all the ways out that are known, and what leads to them.
func hostile() map[string][]entry {
	return map[string][]entry{
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
		"symlink that is long":    {{name: "l", link: strings.Repeat("a/", 2100) + "a"}},
		"hard link up":            {{name: "l", hard: "../outside/secret"}},
		"hard link absolute":      {{name: "l", hard: "/etc/passwd"}},
		"hard link to a symlink":  {{name: "s", link: "."}, {name: "l", hard: "s"}},
		"hard link by a symlink":  {{name: "d/f", text: "x"}, {name: "s", link: "d"}, {name: "l", hard: "s/f"}},
		"hard link to a folder":   {{name: "d/"}, {name: "l", hard: "d"}},
		"a pipe":                  {{name: "p", kind: tar.TypeFifo}},
		"a device":                {{name: "c", kind: tar.TypeChar}},
		"file over a folder":      {{name: "d/x", text: "x"}, {name: "d", text: "x"}},
		"folder over a file":      {{name: "d", text: "x"}, {name: "d/x", text: "x"}},
		"the folder itself":       {{name: ".", text: "x"}},
		"a name that is long":     {{name: strings.Repeat("a/", 2100) + "a", text: "x"}},
	}
}

// TestNothingGetsOut tries each way out that is known, in each kind of archive.
func TestNothingGetsOut(t *testing.T) {
	for name, entries := range hostile() {
		for kind, make := range makers() {
			hard := entries[len(entries)-1].hard != ""
			if hard && kind != "tar" && kind != "rar" {
				continue // it has none
			}
			t.Run(name+", "+kind, func(t *testing.T) {
				p := newPlace(t)
				if err := os.WriteFile(filepath.Join(p.outside, "secret"), []byte("secret"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := p.unpack(t, kind, make(t, entries...)); !errors.Is(err, archive.ErrEntry) {
					t.Error(err)
				}
				if left, err := os.ReadDir(p.outside); err != nil || len(left) != 1 {
					t.Errorf("outside there is %v, %v", left, err)
				}
			})
		}
	}
}

// TestALinkThatIsThere leads outside; nothing is written through it.
func TestALinkThatIsThere(t *testing.T) {
	for kind, make := range makers() {
		p := newPlace(t)
		if err := os.Mkdir(p.dst, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, link := range []string{"l", "f"} {
			if err := os.Symlink(p.outside, filepath.Join(p.dst, link)); err != nil {
				t.Skip("no symbolic links here:", err)
			}
		}
		if err := p.unpack(t, kind, make(t, entry{name: "l/x", text: "x"})); !errors.Is(err, archive.ErrEntry) {
			t.Errorf("%s: below it: %v", kind, err)
		}
		if err := p.unpack(t, kind, make(t, entry{name: "f", text: "x"})); err != nil {
			t.Errorf("%s: in its place: %v", kind, err)
		}
		if left, err := os.ReadDir(p.outside); err != nil || len(left) != 0 {
			t.Errorf("%s: outside there is %v, %v", kind, left, err)
		}
	}
}
