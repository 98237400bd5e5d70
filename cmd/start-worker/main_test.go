package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/workerkit/workerkit/runner/swaptest"
)

// powerOffRecord is a file that the stand-in for the system's shutdown command writes.
const powerOffRecord = "START_WORKER_TEST_POWEROFF"

// TestMain lets the test binary be the programs that the tests start, and puts them first in
// PATH: a stand-in for shutdown among them, so that no test can reach the real one.
func TestMain(m *testing.M) {
	// A program with the race detector otherwise waits a second before it exits.
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
	testscript.Main(m, map[string]func(){
		"start-worker": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
		"fake-worker":  swaptest.Worker,
		"shutdown": func() {
			_ = os.WriteFile(os.Getenv(powerOffRecord), []byte(strings.Join(os.Args[1:], " ")), 0o600)
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

func TestTheRealShutdownIsOutOfReach(t *testing.T) {
	found, err := exec.LookPath("shutdown")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := exec.LookPath("fake-worker")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(found) != filepath.Dir(ours) {
		t.Fatalf("tests would run %s", found)
	}
}
