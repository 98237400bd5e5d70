package swaptest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const program = "swaptest-worker"

// Main is for TestMain: it runs the tests, or Worker where the test binary was started as the
// program that Program gave.
func Main(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), program) {
		Worker()
	}
	// A program with the race detector otherwise waits a second before it exits.
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
	os.Exit(m.Run())
}

// Program is the path of a program that is Worker.
func Program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), program+filepath.Ext(self))
	if os.Symlink(self, path) == nil {
		if _, err := os.Stat(path); err == nil { // Wine makes none and says that it did
			return path
		}
	}
	data, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(path, data, 0o700) //nolint:gosec // a program
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
