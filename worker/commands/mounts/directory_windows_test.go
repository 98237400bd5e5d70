package mounts

import (
	"os"
	"path/filepath"
	"testing"
)

// A directory that another one was put in the place of is not taken for it.
func TestMovedDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "above")
	way, err := Reserve(filepath.Join(path, "v"), true)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := hold(way)
	if err != nil || dir.moved() {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	if !dir.moved() {
		t.Error("it is gone, and nobody noticed")
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if !dir.moved() {
		t.Error("another one was put in its place, and nobody noticed")
	}
}
