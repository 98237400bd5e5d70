package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPackages: what is to be tested is there, and what runs it can be read by a shell.
func TestPackages(t *testing.T) {
	for _, p := range packages() {
		if found, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(p), "*_linux_test.go")); err != nil || len(found) == 0 {
			t.Errorf("%s has no tests of its own for Linux: %v", p, err)
		}
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	if out, err := exec.CommandContext(t.Context(), sh, "-n", "inside.sh").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestInside runs a program with the root of this machine.
func TestInside(t *testing.T) {
	if _, err := exec.LookPath("unshare"); err != nil || os.Geteuid() != 0 {
		t.Skip("it needs root and unshare, of the package util-linux")
	}
	out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", "exit 0").CombinedOutput()
	if err != nil {
		t.Skipf("there are no namespaces of mounts here: %s", out)
	}
	root, module := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(module, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"proc", "sys", "dev", "tmp", "bin", "usr", "lib", "lib64"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const script = `for d in bin usr lib lib64; do [ ! -d /$d ] || mount --bind /$d "$1/$d"; done; eval "$0"`
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, inside, root, module, "a/b", "/bin/sh", "-c", "pwd; ls /former /module")
	got, err := cmd.CombinedOutput()
	if err != nil || string(got) != "/module/a/b\n/former:\n\n/module:\na\n" {
		t.Errorf("%v: %s", err, got)
	}
}
