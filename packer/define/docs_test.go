package define_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/define"
	"github.com/workerkit/workerkit/packer/lock"
)

// TestTheReference reads the examples of the reference, as what they are.
func TestTheReference(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/image-definitions.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, part := range strings.Split(string(page), "```") {
		text, ok := strings.CutPrefix(part, "text\n")
		switch {
		case i%2 == 0 || !ok:
		case strings.HasPrefix(text, "variable "):
			write(t, filepath.Join(dir, "a.hcl"), text)
		case strings.HasPrefix(text, "worker {"):
			write(t, filepath.Join(dir, lock.FileName), text)
		}
	}
	images, err := define.Load(dir, define.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(images); !slices.Equal(got, []string{"debian-12-worker-amd64", "debian-12-worker-arm64"}) {
		t.Fatalf("got %v", got)
	}
	if got := images[1].Packages; !slices.Equal(got, []string{"git", "zstd", "unzip"}) || images[0].Worker.Version != "1.2.3" {
		t.Errorf("packages %v, version %s", got, images[0].Worker.Version)
	}
}

// TestTheReferenceNamesAll: every function, attribute and block is in it.
func TestTheReferenceNamesAll(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/image-definitions.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range define.Words() {
		if !strings.Contains(string(page), word) {
			t.Errorf("%s is not in docs/reference/image-definitions.md", word)
		}
	}
}

// TestTheReferenceListsVariables: those that a base may set, each, and no other.
func TestTheReferenceListsVariables(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/image-definitions.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range packer.Targets() {
		want, err := define.Settable(string(target))
		if err != nil {
			t.Fatal(err)
		}
		_, row, _ := strings.Cut(string(page), "| `"+string(target)+"` | ")
		row, _, _ = strings.Cut(row, " |\n")
		got := strings.Split(strings.Trim(row, "`"), "`, `")
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the page lists %q, and a base may set %q", target, got, want)
		}
	}
}
