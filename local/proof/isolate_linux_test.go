package proof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain lets the test binary be a program that isolates itself, and ends with code 7.
func TestMain(m *testing.M) {
	if os.Getenv("PROOF_TEST_ISOLATE") == "" {
		os.Exit(m.Run())
	}
	inside, err := Isolate(context.Background())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode())
	}
	fmt.Println(inside, err, isolated(), os.Getenv(insideVariable))
	os.Exit(7)
}

func TestIsolate(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROOF_TEST_ISOLATE=1")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), howTo) {
		t.Skipf("no network of its own can be made here: %s", out)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 {
		t.Errorf("the program ended with %v: %s", err, out)
	}
	if got := strings.TrimSpace(string(out)); got != "true <nil> <nil>" {
		t.Errorf("in its network: %s", got)
	}
}
