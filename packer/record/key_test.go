package record_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer/record"
)

func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.pem")
	made, err := record.NewKey(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := record.LoadKey(path)
	if err != nil || !public(loaded).Equal(made) {
		t.Fatalf("another key was read: %v", err)
	}
	if _, err := record.NewKey(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("a key was replaced: %v", err)
	}
	text, err := record.PublicPEM(made)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "pub.pem")
	if err := os.WriteFile(other, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := record.LoadPublicKey(other); err != nil || !got.Equal(made) {
		t.Errorf("public key: %v", err)
	}
	if f := record.Fingerprint(made); len(f) != len("SHA256:")+43 {
		t.Errorf("fingerprint %s", f)
	}
}

func TestBadKeys(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const rubbish = "c2VjcmV0LWJ5dGVzLXRoYXQtYXJlLW5vLWtleQ=="
	for name, c := range map[string]struct{ path, want string }{
		"none":    {filepath.Join(dir, "none"), "no such file"},
		"no PEM":  {file("text", "x"), "it is no PEM file"},
		"a cert":  {file("cert", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "it is a CERTIFICATE, and should be a PRIVATE KEY"},
		"rubbish": {file("rubbish", "-----BEGIN PRIVATE KEY-----\n"+rubbish+"\n-----END PRIVATE KEY-----\n"), "it is no PKCS #8 key"},
		"P-256": {file("ec", `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----
`), "it is no ed25519 key"},
	} {
		if _, err := record.LoadKey(c.path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes that a key could have")
	}
	path := filepath.Join(dir, "open.pem")
	if _, err := record.NewKey(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := record.LoadKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("got %v", err)
	}
}

// TestOthersCanVerify: nobody needs this program to check a record, or to make a key.
func TestOthersCanVerify(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	openssl := func(dir string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), "openssl", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil && !strings.Contains(string(out), "Verif") {
			t.Skipf("this openssl cannot do ed25519: %s", out)
		}
		return string(out)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	openssl(".", "genpkey", "-algorithm", "ed25519", "-out", path)
	made, err := record.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := written(t, made)
	verify := []string{"pkeyutl", "-verify", "-pubin", "-inkey", record.KeyFile, "-rawin", "-in", record.SumsFile, "-sigfile", record.SignatureFile}
	if out := openssl(dir, verify...); !strings.Contains(out, "Signature Verified Successfully") {
		t.Errorf("openssl says %s", out)
	}
	if _, err := exec.LookPath("sha256sum"); err == nil {
		cmd := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", record.SumsFile)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), ": OK\n") != 5 {
			t.Errorf("sha256sum says %v %s", err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, record.SumsFile), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := openssl(dir, verify...); !strings.Contains(out, "Failure") {
		t.Errorf("openssl says %s of other checksums", out)
	}
}
