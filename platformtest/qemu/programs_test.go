package qemu_test

import (
	"bytes"
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/platformtest/qemu"
)

// variable asks for the tests of whole programs.
const variable = "PLATFORMTEST_ARM64"

// asked skips a test of whole programs, unless it is wanted.
func asked(t *testing.T) {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skip("it takes a minute, and qemu-user: make test-arm64")
	}
	emulated(t)
}

// build makes programs for arm64, and returns their folder.
func build(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		args := []string{"build", "-o", filepath.Join(dir, name)}
		if os.Getenv("GOCOVERDIR") != "" {
			args = append(args, "-cover", "-coverpkg", "github.com/workerkit/workerkit/...")
		}
		cmd := exec.CommandContext(t.Context(), "go", append(args, "github.com/workerkit/workerkit/cmd/"+name)...)
		cmd.Env = append(os.Environ(), qemu.Go()...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
		isForARM64(t, filepath.Join(dir, name))
	}
	return dir
}

func isForARM64(t *testing.T, program string) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if file.Machine != elf.EM_AARCH64 {
		t.Fatalf("%s is for %s", program, file.Machine)
	}
}

// run runs a command to its end, and returns what it printed.
func run(t *testing.T, limit time.Duration, program string, args ...string) string {
	t.Helper()
	out, err := try(t, limit, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

func try(t *testing.T, limit time.Duration, program string, args ...string) (string, error) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), limit)
	defer done()
	cmd := qemu.Command(ctx, nil, program, args...)
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	err := cmd.Run()
	return printed.String(), err
}

// TestDemo: a Taskcluster boots machines on every emulated cloud, on which start-worker starts
// generic-worker; ten tasks end as they should, and nothing is left. All three programs are for arm64.
func TestDemo(t *testing.T) {
	asked(t)
	dir := build(t, "taskcluster-local", "start-worker", "generic-worker")
	out := run(t, 4*time.Minute, filepath.Join(dir, "taskcluster-local"), "demo") // fails when a task does not end so
	for _, text := range []string{"on EC2 ", "on GCE ", "on Azure ", "All programs stopped, all files removed."} {
		if !strings.Contains(out, text) {
			t.Errorf("does not say %q:\n%s", text, out)
		}
	}
}
