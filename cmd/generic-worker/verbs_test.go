package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/openpgp" //nolint:staticcheck // see keys.go

	"github.com/workerkit/workerkit/worker/config"
)

func TestFileVerbs(t *testing.T) {
	t.Chdir(t.TempDir())
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp)
	name := "some*file" // a star means something to what makes temporary files
	if runtime.GOOS == "windows" {
		name = "some-file"
	}
	if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := call(&off{}, "copy-to-temp-file", "--copy-file", name)
	if text, err := os.ReadFile(stdout); code != 0 || err != nil || string(text) != "text" || filepath.Dir(stdout) != tmp {
		t.Errorf("code %d, %q, %v, %s", code, text, err, stderr)
	}
	if code, _, stderr = call(&off{}, "create-file", "--create-file", name); code != 0 || stderr != "" {
		t.Errorf("code %d, %s", code, stderr)
	}
	if info, err := os.Stat(name); err != nil || info.Size() != 0 {
		t.Errorf("not cut: %v", err)
	}
	if code, _, stderr = call(&off{}, "create-dir", "--create-dir", "a/b"); code != 0 || stderr != "" {
		t.Errorf("code %d, %s", code, stderr)
	}
	if info, err := os.Stat("a"); err != nil || !info.IsDir() || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o700) {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "f", Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("a.tar", archive.Bytes()[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr = call(&off{}, "unarchive", "--archive-src", "a.tar", "--archive-dst", "out/in", "--archive-fmt", "tar"); code != exitUnarchive || stderr == "" {
		t.Errorf("a torn archive: code %d, %s", code, stderr)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("a.tar", archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr = call(&off{}, "unarchive", "--archive-src", "a.tar", "--archive-dst", "out/in", "--archive-fmt", "tar"); code != 0 {
		t.Errorf("code %d, %s", code, stderr)
	}
	if _, err := os.Stat("out/in/f"); err != nil {
		t.Error(err)
	}
}

func TestVerbsThatFail(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"copy-to-temp-file --copy-file nothing", exitCopy, "nothing"},
		{"copy-to-temp-file --copy-file .", exitCopy, "not a regular file"},
		{"copy-to-temp-file", exitUsage, "--copy-file is missing"},
		{"create-file --create-file no/such", exitCreateFile, "no"},
		{"create-dir --create-dir file/dir", exitCreateDir, "file"},
		{"unarchive --archive-src file --archive-dst d --archive-fmt arj", exitUnarchive, "tar.zst"},
		{"unarchive --archive-src file --archive-dst d", exitUsage, "--archive-fmt is missing"},
		{"create-dir --create-dir d more", exitUsage, "Usage:"},
		{"grant-winsta-access --sid S-1-nothing", exitWinsta, "grant-winsta-access:"},
		{"install", exitUsage, "Usage:"},
		{"install service more", exitUsage, "Usage:"},
		{"new-openpgp-keypair --file no/such/folder", exitOpenPGP, "key pair"},
	} {
		code, stdout, stderr := call(&off{}, strings.Fields(c.args)...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: code %d, %q, %s", c.args, code, stdout, stderr)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestOpenPGPKeyPair: the keys can be read, and what one signs the other confirms.
func TestOpenPGPKeyPair(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	code, stdout, stderr := call(&off{}, "new-openpgp-keypair", "--file", path)
	if code != 0 {
		t.Fatal(code, stderr)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	private, err := openpgp.ReadArmoredKeyRing(file)
	if err != nil || len(private) != 1 {
		t.Fatal(err)
	}
	public, err := openpgp.ReadArmoredKeyRing(strings.NewReader(stdout))
	if err != nil || len(public) != 1 || public[0].PrivateKey != nil {
		t.Fatal(err)
	}
	var signature bytes.Buffer
	if err := openpgp.DetachSign(&signature, private[0], strings.NewReader("text"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := openpgp.CheckDetachedSignature(public, strings.NewReader("text"), &signature); err != nil {
		t.Error(err)
	}
}

// TestEnsureKey makes the key once, and only where an older release's key alone is named.
func TestEnsureKey(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("c.json", []byte(`{"accessToken":"t","clientId":"c","rootURL":"https://tc.example.com","workerId":"w","workerType":"p","signingKeyLocation":"gpg.key"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := config.Load("c.json")
	if err != nil {
		t.Fatal(err)
	}
	public, err := ensureKey(&c)
	if err != nil || public == "" {
		t.Fatal(public, err)
	}
	made, err := os.ReadFile("gpg.key.ed25519")
	if err != nil {
		t.Fatal(err)
	}
	if public, err = ensureKey(&c); err != nil || public != "" {
		t.Errorf("made again: %s, %v", public, err)
	}
	if again, err := os.ReadFile("gpg.key.ed25519"); err != nil || !bytes.Equal(again, made) {
		t.Errorf("changed: %v", err)
	}
	today := config.Config{Ed25519SigningKeyLocation: "today"}
	if public, err = ensureKey(&today); err != nil || public != "" {
		t.Errorf("made for a configuration of today: %v", err)
	}
	c.Ed25519SigningKeyLocation = "no/such"
	if _, err = ensureKey(&c); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
