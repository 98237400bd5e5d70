package rmtree_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/workerkit/workerkit/internal/rmtree"
)

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func gone(t *testing.T, path string) {
	t.Helper()
	if err := rmtree.Remove(path); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", path, err)
	}
}

func TestFilesAndDirectories(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "task", "a", "b", "file"))
	write(t, filepath.Join(dir, "task", "file"))
	write(t, filepath.Join(dir, "single"))
	gone(t, filepath.Join(dir, "task"))
	gone(t, filepath.Join(dir, "single"))
	gone(t, filepath.Join(dir, "nothing"))
	gone(t, filepath.Join(dir, "nothing", "below"))
}

// What is removed in an open folder is what is there, wherever the folder has been moved and whatever is at its old place.
func TestInAnOpenFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open folder cannot be moved on Windows")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "above", "task", "closed", "file"))
	write(t, filepath.Join(dir, "above", "single"))
	open, err := os.OpenRoot(filepath.Join(dir, "above"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := errors.Join(os.Chmod(filepath.Join(dir, "above", "task", "closed"), 0), os.Rename(filepath.Join(dir, "above"), filepath.Join(dir, "moved"))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "above", "task", "another one's"))
	for _, name := range []string{"task", "single", "nothing"} {
		if err := rmtree.RemoveIn(open, name); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, "moved")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "above", "task", "another one's")); err != nil {
		t.Error(err)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept", "file")
	write(t, kept)
	write(t, filepath.Join(dir, "task", "sub", "file"))
	for _, link := range []string{"task/link", "task/sub/link", "link"} {
		if err := os.Symlink(filepath.Join(dir, "kept"), filepath.Join(dir, link)); err != nil {
			t.Skipf("this user cannot make symbolic links: %v", err)
		}
	}
	gone(t, filepath.Join(dir, "task"))
	gone(t, filepath.Join(dir, "link"))
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("what a link pointed to: %v", err)
	}
}

func TestRightsThatWereTaken(t *testing.T) {
	dir := t.TempDir()
	task := filepath.Join(dir, "task")
	write(t, filepath.Join(task, "closed", "deeper", "file"))
	write(t, filepath.Join(task, "readonly", "file"))
	for _, c := range []struct {
		path string
		mode fs.FileMode
	}{{"readonly", 0o500}, {"closed/deeper", 0}, {"closed", 0}} {
		if err := os.Chmod(filepath.Join(task, filepath.FromSlash(c.path)), c.mode); err != nil {
			t.Fatal(err)
		}
	}
	gone(t, task)
}

func TestSize(t *testing.T) {
	dir := t.TempDir()
	if got := rmtree.Size(dir); got != 1 {
		t.Errorf("an empty directory has %d bytes", got)
	}
	write(t, filepath.Join(dir, "a", "b", "file"))
	write(t, filepath.Join(dir, "file"))
	if got := rmtree.Size(dir); got != 3 {
		t.Errorf("two files of one byte have %d", got)
	}
}
