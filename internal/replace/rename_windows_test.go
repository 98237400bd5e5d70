package replace_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/replace"
)

// file makes a file that holds its own name.
func file(t *testing.T, path string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(filepath.Base(path)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRenameWaitsForReaders: somebody reads the file, and is done with that soon, or is not.
func TestRenameWaitsForReaders(t *testing.T) {
	dir := t.TempDir()
	from, to := file(t, filepath.Join(dir, "new")), file(t, filepath.Join(dir, "old"))
	reader, err := os.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	if os.Rename(from, to) == nil {
		t.Skip("an open file can be replaced here")
	}
	if err := replace.Rename(from, to); err == nil || content(t, to) != "old" {
		t.Errorf("while it is open: %v, content %q", err, content(t, to))
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = reader.Close() })
	if err := replace.Rename(from, to); err != nil || content(t, to) != "new" {
		t.Errorf("after it was closed: %v, content %q", err, content(t, to))
	}
}

func TestRenameDoesNotWaitForFolders(t *testing.T) {
	began := time.Now()
	if replace.Rename(file(t, filepath.Join(t.TempDir(), "file")), t.TempDir()) == nil {
		t.Error("a folder was replaced by a file")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
}
