package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packaging/release/signing"
)

// TestSignLater signs a release that was made without the key, and verifies it before and after.
func TestSignLater(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "one")
	sums, err := signing.Sums(dir)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, signing.SumsFile), sums)
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	said := base64.StdEncoding.EncodeToString(public)
	for _, c := range []struct {
		name, want string
		args       []string
		code       int
	}{
		{"who made it is not asked", "who made it has not been checked", []string{"verify", dir}, 1},
		{"nor wanted", "as its checksums say", []string{"verify", dir, "-unsigned"}, 0},
		{"unsigned", "not signed", []string{"verify", dir, "-unsigned", "-key", said}, 1},
		{"no key", "in SIGN_KEY", []string{"sign", dir}, 1},
	} {
		t.Setenv("SIGN_KEY", "")
		if code, stdout, stderr := call(t, c.args...); code != c.code || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%s: exit code %d: %s%s", c.name, code, stdout, stderr)
		}
	}
	t.Setenv("SIGN_KEY", put(t, filepath.Join(t.TempDir(), "key"), base64.StdEncoding.EncodeToString(key.Seed())))
	if code, stdout, stderr := call(t, "sign", dir); code != 0 || !strings.Contains(stdout, said) {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := call(t, "verify", dir, "-key", said); code != 0 || !strings.Contains(stdout, "as it was signed") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	put(t, filepath.Join(dir, "a"), "two")
	if code, _, stderr := call(t, "sign", dir); code != 1 || !strings.Contains(stderr, "a differs from its checksum") {
		t.Errorf("what is spoiled is signed: exit code %d: %s", code, stderr)
	}
}

// TestMake: what make gives to this program.
func TestMake(t *testing.T) {
	program, err := exec.LookPath("make")
	if err != nil {
		t.Skip("there is no make here")
	}
	for _, c := range []struct {
		name, want string
		args       []string
		code       int
	}{
		{"both architectures", "-platforms 'linux/amd64,linux/arm64'", []string{"-n", "package", "ONLY="}, 0},
		{"one", "-platforms 'linux/arm64'", []string{"-n", "package", "ONLY=linux/arm64"}, 0},
		{"signature", "release sign 'dist/1.2.3'", []string{"-n", "release-sign", "DIR=dist/1.2.3"}, 0},
		{"no key to verify with", "make release-verify DIR=dist/VERSION KEY=", []string{"release-verify", "DIR=dist/1.2.3", "KEY="}, 2},
	} {
		cmd := exec.CommandContext(t.Context(), program, c.args...)
		cmd.Dir = filepath.Join("..", "..")
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: exit code %d: %s", c.name, code, out)
		}
	}
}
