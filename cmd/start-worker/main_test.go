package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/moving"
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
		"start-worker": func() { os.Exit(run(testHost(), os.Args[1:], os.Stdout, os.Stderr)) },
		"fake-worker":  swaptest.Worker,
		"our-worker":   ourWorker,
		"shutdown": func() {
			_ = os.WriteFile(os.Getenv(powerOffRecord), []byte(strings.Join(os.Args[1:], " ")), 0o600)
		},
	})
}

// The machine that start-worker sees in a test: the folder of its default places, and what its
// firmware says.
const (
	placesEnv  = "START_WORKER_TEST_PLACES"
	vendorEnv  = "START_WORKER_TEST_VENDOR"
	productEnv = "START_WORKER_TEST_PRODUCT"
)

func testHost() host {
	dir := os.Getenv(placesEnv)
	return host{
		facts: func() providers.Facts {
			return providers.Facts{Vendor: os.Getenv(vendorEnv), Product: os.Getenv(productEnv)}
		},
		places: config.Options{
			ProviderFile: filepath.Join(dir, "default.hcl"), StateFile: filepath.Join(dir, "default-state.json"),
			HoldFile: filepath.Join(dir, "hold"), ControlSocket: filepath.Join(dir, "control.sock"),
		},
		installed: installed{
			root: filepath.Join(dir, "root"), services: func() []moving.Service { return nil },
			programs: filepath.Join(dir, "programs"),
		},
	}
}

// ourWorker is a stand-in for our worker that knows one wrong key and needs another.
func ourWorker() {
	if os.Args[1] == "--version" {
		fmt.Println("generic-worker (test engine) 1.2.3 " + version.Name)
		return
	}
	path := os.Args[3]
	data, err := os.ReadFile(path)
	if err != nil || strings.Join(os.Args[1:3], " ") != "check --config" {
		os.Exit(1)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		fmt.Fprintln(os.Stderr, "the file is not private")
		os.Exit(1)
	}
	if strings.Contains(string(data), "capacitty") {
		fmt.Fprintf(os.Stderr, "%s: the configuration could not be loaded: unknown key \"capacitty\" (is \"capacity\" meant?)\n", path)
		os.Exit(64)
	}
	if !strings.Contains(string(data), "ed25519SigningKeyLocation") {
		fmt.Fprintf(os.Stderr, "%s: the configuration is not valid: ed25519SigningKeyLocation must be set\n", path)
		os.Exit(73)
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(e *testscript.Env) error {
		e.Setenv(placesEnv, e.WorkDir)
		e.Setenv(powerOffRecord, filepath.Join(e.WorkDir, "poweroff"))
		e.Setenv("PLATFORM", runtime.GOOS+"-"+runtime.GOARCH)
		return nil
	}})
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
