package private_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/private"
)

func TestWriteThenRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for i, content := range []string{"first", "second, longer", "", "fast"} {
		write := private.Write
		if i == 3 {
			write = private.WriteFast
		}
		if err := write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		data, note, err := private.Read(path)
		if err != nil || note != "" || string(data) != content {
			t.Fatalf("got %q, note %q, %v; want %q", data, note, err, content)
		}
	}
	alone(t, path)
}

func TestWriteLeavesNothingBehindWhenItFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := private.Write(path, []byte("x")); err == nil {
		t.Fatal("a folder was replaced by a file")
	}
	alone(t, path)
	if err := private.Write(filepath.Join(dir, "missing", "f"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

func TestReadOfAbsentFile(t *testing.T) {
	_, _, err := private.Read(filepath.Join(t.TempDir(), "nothing"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v is not fs.ErrNotExist", err)
	}
}

func TestReadOfFolder(t *testing.T) {
	if _, _, err := private.Read(t.TempDir()); err == nil || strings.Contains(err.Error(), "EISDIR") {
		t.Fatalf("got %v", err)
	}
}

// alone fails when the folder of path holds anything else, such as a temporary file.
func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("left in the folder: %v", entries)
	}
}

// TestLongPath: Windows had a limit of 260 characters, which programs today may pass.
func TestLongPath(t *testing.T) {
	dir := t.TempDir()
	for range 6 {
		dir = filepath.Join(dir, strings.Repeat("long", 15))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "grüße.json")
	if err := private.Write(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if data, note, err := private.Read(path); err != nil || note != "" || string(data) != "x" {
		t.Errorf("%q, %q, %v", data, note, err)
	}
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "above", "folder")
	for range 2 { // the second time it is there
		if err := private.MkdirAll(path); err != nil {
			t.Fatal(err)
		}
		if err := private.Write(filepath.Join(path, "file"), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for name, bad := range map[string]string{"a file": filepath.Join(path, "file"), "below a file": filepath.Join(path, "file", "folder")} {
		if err := private.MkdirAll(bad); err == nil || !strings.Contains(err.Error(), filepath.Join(path, "file")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
