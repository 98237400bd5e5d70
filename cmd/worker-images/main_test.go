package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the program.
func TestMain(m *testing.M) {
	// A program with the race detector otherwise waits a second before it exits.
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
	testscript.Main(m, map[string]func(){"worker-images": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"code": code, "noteBuild": noteBuild, "noteRecord": noteRecord, "hideHashes": hideHashes,
	}})
}

// code runs the program, which must end with a code: code 2 list --flag.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code CODE ARGUMENT…")
	}
	err := ts.Exec("worker-images", args[1:]...)
	got := "0"
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = string(rune('0' + exit.ExitCode()))
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// hideHashes writes the last standard output into a file, with HASH for each hash: what all
// images are made of counts in them, and changes.
func hideHashes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hideHashes FILE")
	}
	text := regexp.MustCompile(`sha256:[0-9a-f]{64}`).ReplaceAllString(ts.ReadFile("stdout"), "HASH")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
