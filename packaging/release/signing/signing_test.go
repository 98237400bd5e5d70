package signing_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packaging/release/signing"
)

// release makes a folder with two files and their checksums.
func release(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, "b", "two\n")
	put(t, dir, "a", "one\n")
	sums, err := signing.Sums(dir)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, signing.SumsFile, sums)
	return dir
}

func put(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSumsAreThoseOfSha256sum(t *testing.T) {
	dir := release(t)
	program, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("there is no sha256sum to compare with")
	}
	c := exec.CommandContext(t.Context(), program, "--strict", "-c", signing.SumsFile)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil || string(out) != "a: OK\nb: OK\n" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, want string
		spoil      func(dir string)
	}{
		{"nothing", "", func(string) {}},
		{"another content", "a differs from its checksum", func(dir string) { put(t, dir, "a", "three") }},
		{"one file too few", "b is missing", func(dir string) { _ = os.Remove(filepath.Join(dir, "b")) }},
		{"one too many", "c is not in SHA256SUMS", func(dir string) { put(t, dir, "c", "") }},
		{"a folder", "c is no regular file", func(dir string) { _ = os.Mkdir(filepath.Join(dir, "c"), 0o700) }},
		{"no sums", "no such file", func(dir string) { _ = os.Remove(filepath.Join(dir, signing.SumsFile)) }},
		{"empty sums", "it is empty", func(dir string) { put(t, dir, signing.SumsFile, "") }},
		{"a path", "line 1 is no checksum", func(dir string) {
			put(t, dir, signing.SumsFile, strings.Repeat("0", 64)+"  ../a\n")
		}},
		{"all at once", "a differs from its checksum\nb is missing\nc is not in SHA256SUMS", func(dir string) {
			put(t, dir, "a", "three")
			put(t, dir, "c", "")
			_ = os.Remove(filepath.Join(dir, "b"))
		}},
	} {
		dir := release(t)
		c.spoil(dir)
		err := signing.Check(dir)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestSignature(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := release(t)
	if err := signing.Verify(dir, public); err == nil || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("unsigned: %v", err)
	}
	path := put(t, t.TempDir(), "key", base64.StdEncoding.EncodeToString(key.Seed()))
	loaded, err := signing.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	said, err := signing.Sign(dir, loaded)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{said, put(t, t.TempDir(), "public", said+"\n")} {
		read, err := signing.PublicKey(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(signing.Verify(dir, read), signing.Check(dir)); err != nil {
			t.Error(err)
		}
	}
	another, _, _ := ed25519.GenerateKey(nil)
	if err := signing.Verify(dir, another); err == nil {
		t.Error("another key will do")
	}
	put(t, dir, signing.SumsFile, "another")
	if err := signing.Verify(dir, public); err == nil {
		t.Error("other checksums will do")
	}
}

func TestWrongKeysAreNotQuoted(t *testing.T) {
	const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
	for name, content := range map[string]string{"too short": secret, "no base64": secret + "!", "empty": ""} {
		_, err := signing.LoadKey(put(t, t.TempDir(), "key", content))
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "new-ed25519-keypair") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := signing.LoadKey(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	// Somebody passes the private key's text, or its file, where the public one belongs.
	if _, err := signing.PublicKey(secret); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}

func TestHook(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("hooks are commands of a shell, and releases are made where there is one")
	}
	for _, c := range []struct{ name, command, want, error string }{
		{"none", "", "code", ""},
		{"signs", `printf signed >>`, "codesigned", ""},
		{"arguments", `set -- "$2" "$1"; printf '%s' 'a  b' >>"$2"; true`, "codea  b", ""},
		{"fails", "printf x >> \"$1\"; false", "codex", "exit status 1"},
		{"changes nothing", "true", "code", "changed nothing"},
		{"removes it", "rm", "", "no such file"},
	} {
		path := put(t, t.TempDir(), "a program's $(name)", "code")
		var said strings.Builder
		err := signing.Hook{Variable: "SIGN_DARWIN", Command: c.command, Output: &said}.Sign(t.Context(), path)
		if c.error == "" && err != nil || c.error != "" && (err == nil || !strings.Contains(err.Error(), c.error) || !strings.Contains(err.Error(), "SIGN_DARWIN")) {
			t.Errorf("%s: got %v, %s", c.name, err, &said)
		}
		if got, _ := os.ReadFile(path); string(got) != c.want {
			t.Errorf("%s: the file is now %q, want %q", c.name, got, c.want)
		}
	}
}
