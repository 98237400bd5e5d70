package cot_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/cot"
)

var update = flag.Bool("update", false, "write the golden files")

// key is a private key that everybody knows.
func key() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("an ed25519 seed, which has 32 B."))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey {
	return k.Public().(ed25519.PublicKey) //nolint:forcetypeassert // by its definition
}

func certificate() cot.Certificate {
	return cot.Certificate{
		Artifacts: map[string]cot.Artifact{
			"public/b": {SHA256: "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"},
			"public/a": {SHA256: "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"},
		},
		Task:   json.RawMessage(`{"payload":{"command":[["true"]],"maxRunTime":1.50,"z":12345678901234567890,"a":"<&>"},"provisionerId":"p"}`),
		TaskID: "UOq9JeqHT3KyoEmN6J_Row", RunID: 2, WorkerGroup: "group", WorkerID: "worker",
		Environment: cot.Environment{PublicIPAddress: "192.0.2.1", InstanceID: "i-1", InstanceType: "large", Region: "here"},
	}
}

// golden compares bytes with those of a file: what was signed once must verify for ever.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is now\n%s", name, got)
	}
}

func TestBytes(t *testing.T) {
	additional := `{"zebra": 1.0, "environment": {"imageHash": "sha256:1", "nested": {"a": [1]}, "instanceId": "forged", "privateIpAddress": "10.0.0.1", "PublicIpAddress": "10.0.0.2"},
		"artifacts": {"public/forged": {"sha256": "00"}}, "Task": {}, "task": {"scopes": ["forged"]}, "runId": 7, "aardvark": null}`
	for name, text := range map[string]string{"plain": "", "additional": additional} {
		document, err := certificate().Document([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", document)
		signature := cot.Sign(key(), document)
		golden(t, name+".json.sig", signature)
		read, err := cot.Verify(public(key()), document, signature)
		if err != nil {
			t.Fatal(err)
		}
		environment := certificate().Environment
		if name == "additional" {
			environment.ImageHash = "sha256:1" // which the worker does not know
		}
		if len(read.Artifacts) != 2 || read.RunID != 2 || read.Environment != environment || strings.Contains(string(document), "forged") {
			t.Errorf("%s: the task has forged what the worker says: %s", name, document)
		}
	}
}

// TestImage: in a container it is the worker that knows the image, and whether it was an artifact.
func TestImage(t *testing.T) {
	c := certificate()
	c.Environment.ImageHash = "sha256:1"
	for _, text := range []string{"", `{"environment": {"imageHash": "forged", "ImageArtifactHash": "forged", "imageArtifactHash": "forged"}}`} {
		document, err := c.Document([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(document), `"imageHash": "sha256:1"`) || strings.Contains(string(document), "forged") {
			t.Errorf("%s", document)
		}
	}
}

func TestAdditionalDataThatIsNoObject(t *testing.T) {
	for _, text := range []string{"null", "[]", `"text"`, "{", "{} {}", "{}}", " "} {
		if document, err := certificate().Document([]byte(text)); !errors.Is(err, cot.ErrObject) {
			t.Errorf("%q: %s, %v", text, document, err)
		}
	}
	if _, err := certificate().Document([]byte("{}\n")); err != nil {
		t.Error(err)
	}
}

func TestWhatDoesNotVerify(t *testing.T) {
	document, err := certificate().Document(nil)
	if err != nil {
		t.Fatal(err)
	}
	signature := cot.Sign(key(), document)
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	changed := bytes.Replace(document, []byte("large"), []byte("small"), 1)
	signed := func(text string) ([]byte, []byte) { return []byte(text), cot.Sign(key(), []byte(text)) }
	noJSON, noJSONSignature := signed("{")
	future, futureSignature := signed(`{"chainOfTrustVersion": 2}`)
	for name, test := range map[string]struct {
		key                 ed25519.PublicKey
		document, signature []byte
		want                error
	}{
		"another key":      {public(other), document, signature, cot.ErrSignature},
		"changed":          {public(key()), changed, signature, cot.ErrSignature},
		"no signature":     {public(key()), document, nil, cot.ErrSignature},
		"signature in hex": {public(key()), document, bytes.Repeat([]byte("ab"), 64), cot.ErrSignature},
		"not JSON":         {public(key()), noJSON, noJSONSignature, cot.ErrFormat},
		"another version":  {public(key()), future, futureSignature, cot.ErrFormat},
	} {
		if _, err := cot.Verify(test.key, test.document, test.signature); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeys(t *testing.T) {
	seed := base64.StdEncoding.EncodeToString(key().Seed())
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"as it is made": {seed, true},
		"with a line":   {seed + "\n", true},
		"empty":         {"", false},
		"too short":     {base64.StdEncoding.EncodeToString([]byte("SECRET")), false},
		"not base64":    {"SECRET SECRET SECRET SECRET", false},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, _, err := cot.ReadKey(path)
		if test.ok != (err == nil) || test.ok && !got.Equal(key()) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (!errors.Is(err, cot.ErrKey) || strings.Contains(err.Error(), "SECRET")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := cot.ReadKey(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if got, err := cot.PublicKey(base64.StdEncoding.EncodeToString(public(key()))); err != nil || !got.Equal(public(key())) {
		t.Error(err)
	}
	if _, err := cot.PublicKey(seed + "x"); !errors.Is(err, cot.ErrKey) {
		t.Error(err)
	}
}
