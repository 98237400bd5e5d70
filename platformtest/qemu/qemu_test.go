package qemu_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/platformtest/qemu"
)

// emulated skips a test where nothing can be emulated.
func emulated(t *testing.T) {
	t.Helper()
	if missing := qemu.Missing(); missing != "" {
		t.Skip("needs", missing)
	}
}

// hello makes a program that says what it was built for.
func hello(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const source = "package main\n\nimport \"runtime\"\n\nfunc main() { print(runtime.GOARCH) }\n"
	if err := os.WriteFile(filepath.Join(dir, "hello.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "hello")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "hello.go")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), append(qemu.Go(), "GOFLAGS=")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestCommand: a program for arm64 runs, also as the child of one for this machine.
func TestCommand(t *testing.T) {
	emulated(t)
	program := hello(t)
	for name, line := range map[string][]string{"itself": {program}, "as a child": {"sh", "-c", `"$0"`, program}} {
		out, err := qemu.Command(t.Context(), nil, line[0], line[1:]...).CombinedOutput()
		if err != nil || string(out) != "arm64" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}

// TestOnlyInside: the rest of the machine starts programs for arm64 as it did before.
func TestOnlyInside(t *testing.T) {
	emulated(t)
	before, _ := filepath.Glob("/proc/sys/fs/binfmt_misc/*")
	out, err := qemu.Command(t.Context(), []string{"WORD=word"}, "sh", "-c", `ls /proc/sys/fs/binfmt_misc; echo "$WORD"`).CombinedOutput()
	if err != nil || string(out) != "arm64\nregister\nstatus\nword\n" {
		t.Errorf("inside: %q, %v", out, err)
	}
	if after, _ := filepath.Glob("/proc/sys/fs/binfmt_misc/*"); len(after) != len(before) {
		t.Errorf("there were %v and are %v", before, after)
	}
}

// TestNothingIsLeft: what the program has started ends with it, and it ends with its context.
func TestNothingIsLeft(t *testing.T) {
	emulated(t)
	if err := qemu.Command(t.Context(), nil, "sh", "-c", "setsid sleep 1000 & exit 7").Run(); err == nil || err.Error() != "exit status 7" {
		t.Error(err)
	}
	out, err := qemu.Command(t.Context(), nil, "sh", "-c", "setsid sleep 1000 & echo started").CombinedOutput() // waits for the pipe
	if err != nil || string(out) != "started\n" {
		t.Errorf("%q, %v", out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := qemu.Command(ctx, nil, "sh", "-c", "setsid sleep 1000 & echo started; wait")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(pipe).ReadString('\n'); line != "started\n" {
		t.Errorf("%q, %v", line, err)
	}
	cancel()
	if rest, err := io.ReadAll(pipe); err != nil || len(rest) > 0 { // ends when sleep does
		t.Errorf("%q, %v", rest, err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the command was not killed")
	}
}
