package signing

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
)

// LoadKey reads a signing key as `generic-worker new-ed25519-keypair --file FILE` writes it: the
// base64 of a seed. A file that others may read is tightened or refused. No error quotes it.
func LoadKey(path string) (ed25519.PrivateKey, error) {
	text, _, err := private.Read(path)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("signing key %s: it is no ed25519 key; generic-worker new-ed25519-keypair --file FILE makes one", path)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// PublicKey reads a public key: its base64, or the name of a file that holds it.
func PublicKey(value string) (ed25519.PublicKey, error) {
	text := value
	content, err := os.ReadFile(value)
	switch {
	case err == nil:
		text = string(content)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("public key: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("public key: there is no file of this name, or it is not the base64 of an ed25519 key (32 bytes)")
	}
	return key, nil
}

// Sign writes the signature over the checksums of a folder. It returns the public key in base64.
func Sign(dir string, key ed25519.PrivateKey) (public string, err error) {
	sums, err := os.ReadFile(filepath.Join(dir, SumsFile))
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	text := base64.StdEncoding.EncodeToString(ed25519.Sign(key, sums)) + "\n"
	if err := os.WriteFile(filepath.Join(dir, SignatureFile), []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), nil
}

// Verify checks the signature over the checksums of a folder, not the checksums themselves.
func Verify(dir string, key ed25519.PublicKey) error {
	sums, err := os.ReadFile(filepath.Join(dir, SumsFile))
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, SignatureFile))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("signature: the release is not signed")
	}
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || !ed25519.Verify(key, sums, signature) {
		return fmt.Errorf("signature: %s is not by this key", SignatureFile)
	}
	return nil
}
