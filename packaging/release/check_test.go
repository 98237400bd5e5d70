package main

import (
	"os"
	"os/exec"
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

// TestCheckSeesTheMachine: a file with the name of the machine in it is found out, and so are the
// checksums with it; all else is the same.
func TestCheckSeesTheMachine(t *testing.T) {
	if elsewhere(t.Context()) == nil {
		t.Skip("a machine of another name takes Linux and root")
	}
	checkout(t)
	nfpm := put(t, filepath.Join(t.TempDir(), "nfpm"), "#!/bin/sh\nuname -n >\"$7a.$5\"\n")
	if err := os.Chmod(nfpm, 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	code, stdout, stderr := call(t, "check", "-warm", "-platforms", "linux/amd64", "-nfpm", nfpm)
	if code != 1 || !strings.Contains(stderr, "a.rpm: its two builds differ") || strings.Count(stderr, "differ") != 3 {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

// TestTwiceTheSame builds this repository's own programs twice for one system. It shares the
// build cache, without which it takes minutes; `make release-check` does not, and takes all
// systems.
func TestTwiceTheSame(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("it links large programs, twenty times")
	case runtime.GOOS == "windows":
		t.Skip("releases are made where there is a shell")
	}
	if _, err := openSource(t.Context(), ".", "", true); err != nil {
		t.Skip("this is no git checkout: ", err)
	}
	// As a program of its own: with the race detector in it, it compresses for minutes.
	program := filepath.Join(t.TempDir(), "release")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), program, "check", "-warm", "-dirty", "-platforms", "linux/amd64").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "files, twice the same to the byte") {
		t.Errorf("%v: %s", err, out)
	}
	t.Logf("%s", out)
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
