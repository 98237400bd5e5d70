package cot_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/cot"
)

func sum(text string) cot.Artifact {
	hash := sha256.Sum256([]byte(text))
	return cot.Artifact{SHA256: hex.EncodeToString(hash[:])}
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCheck(t *testing.T) {
	above := t.TempDir()
	write(t, above, "outside", []byte("outside"))
	dir := filepath.Join(above, "set")
	long := strings.Repeat("a long text, ", 100)
	write(t, dir, "public/good", []byte("good"))
	write(t, dir, "public/changed", []byte("changed"))
	write(t, dir, "public/zipped", zipped(t, long))
	write(t, dir, "public/folder/file", nil)
	c := cot.Certificate{Artifacts: map[string]cot.Artifact{
		"public/good": sum("good"), "public/changed": sum("original"), "public/zipped": sum(long),
		"public/folder": sum(""), "public/gone": sum("gone"), "../outside": sum("outside"),
	}}
	found, err := c.Check(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name    string
		verdict cot.Verdict
		detail  string
	}{
		{"../outside", cot.Wrong, "not a path in the folder"},
		{"public/changed", cot.Wrong, "its sha256 is"},
		{"public/folder", cot.Wrong, "not a file"},
		{"public/gone", cot.Missing, ""},
		{"public/good", cot.OK, ""},
		{"public/zipped", cot.Wrong, "curl --compressed"},
	}
	if len(found) != len(want) {
		t.Fatalf("found %+v", found)
	}
	for i, w := range want {
		if f := found[i]; f.Name != w.name || f.Verdict != w.verdict || !strings.Contains(f.Detail, w.detail) || (w.detail == "") != (f.Detail == "") {
			t.Errorf("%+v, want %+v", f, w)
		}
	}
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := c.Check(ctx, dir); !errors.Is(err, cause) {
		t.Errorf("after its context: %v", err)
	}
}

func TestReadSet(t *testing.T) {
	document, err := certificate().Document(nil)
	if err != nil {
		t.Fatal(err)
	}
	signature := cot.Sign(key(), document)
	for name, test := range map[string]struct {
		files map[string][]byte
		want  string // of the error
	}{
		"under their names":   {map[string][]byte{cot.CertificateName: document, cot.SignatureName: signature}, ""},
		"in one folder":       {map[string][]byte{"chain-of-trust.json": document, "chain-of-trust.json.sig": signature}, ""},
		"compressed":          {map[string][]byte{cot.CertificateName: zipped(t, string(document)), cot.SignatureName: signature}, "curl --compressed"},
		"signature too":       {map[string][]byte{cot.CertificateName: document, cot.SignatureName: zipped(t, string(signature))}, "curl --compressed"},
		"without a signature": {map[string][]byte{cot.CertificateName: document}, "chain-of-trust.json.sig"},
	} {
		dir := t.TempDir()
		for file, content := range test.files {
			write(t, dir, file, content)
		}
		c, err := cot.ReadSet(public(key()), dir)
		if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && c.TaskID != certificate().TaskID {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
