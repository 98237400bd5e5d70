package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestTwiceTheSameFromNothing builds small programs twice, the second time with an empty build
// cache, at another place, in another time zone and with another umask.
func TestTwiceTheSameFromNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("releases are made where there is a shell")
	}
	checkout(t)
	code, stdout, stderr := call(t, "check", "-platforms", "linux/amd64")
	if code != 0 || !strings.Contains(stdout, "files, twice the same to the byte") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

// TestTwiceTheSame builds this repository's own programs twice for one system. It shares the
// build cache, without which it takes minutes; `make release-check` does not, and takes all
// systems.
func TestTwiceTheSame(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("it links eight large programs")
	case runtime.GOOS == "windows":
		t.Skip("releases are made where there is a shell")
	}
	if _, err := openSource(t.Context(), ".", "", true); err != nil {
		t.Skip("this is no git checkout: ", err)
	}
	code, stdout, stderr := call(t, "check", "-warm", "-dirty", "-platforms", "linux/amd64")
	if code != 0 {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	t.Log(stdout)
}

func TestDifferences(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		put(t, filepath.Join(dir, "same"), "x")
		put(t, filepath.Join(dir, "mode"), "x")
		put(t, filepath.Join(dir, "other"), dir)
	}
	if err := os.Chmod(filepath.Join(two, "mode"), 0o644); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(two, "only"), "")
	_, err := differences(one, two)
	if err == nil {
		t.Fatal("no differences")
	}
	for _, want := range []string{"other: its two builds differ", "only: ", "mode: its mode is -rw------- and -rw-r--r--"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "same: ") {
		t.Errorf("got %v", err)
	}
}
