package record

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/workerkit/workerkit/internal/private"
)

// The types of the PEM blocks.
const (
	privateBlock = "PRIVATE KEY" // PKCS #8
	publicBlock  = "PUBLIC KEY"  // PKIX
)

// LoadKey reads a signing key: ed25519, PKCS #8, PEM, as NewKey and openssl genpkey write it. A
// file that others may read is refused: what it signs would prove nothing.
func LoadKey(path string) (ed25519.PrivateKey, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read from
	if err := own(file); err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	der, err := block(path, privateBlock)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: it is no PKCS #8 key", path) // err might quote it
	}
	signer, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("signing key %s: it is no ed25519 key; worker-images record key FILE makes one", path)
	}
	return signer, nil
}

// LoadPublicKey reads the public part of a signing key, as PublicPEM writes it.
func LoadPublicKey(path string) (ed25519.PublicKey, error) {
	der, err := block(path, publicBlock)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("public key %s: %w", path, err)
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("public key %s: it is no ed25519 key", path)
	}
	return public, nil
}

// block reads the first PEM block of a file, which must be of a type.
func block(path, kind string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(text)
	if b == nil {
		return nil, fmt.Errorf("%s: it is no PEM file", path)
	}
	if b.Type != kind {
		return nil, fmt.Errorf("%s: it is a %s, and should be a %s", path, b.Type, kind)
	}
	return b.Bytes, nil
}

// NewKey makes a signing key in a file that only its owner may read. A file that is there stays.
func NewKey(path string) (ed25519.PublicKey, error) {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		if err == nil {
			err = os.ErrExist
		}
		return nil, fmt.Errorf("new signing key %s: %w", path, err)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("new signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("new signing key: %w", err)
	}
	if err := private.Write(path, pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der})); err != nil {
		return nil, fmt.Errorf("new signing key: %w", err)
	}
	return public, nil
}

// PublicPEM is a public key as text: PKIX, PEM.
func PublicPEM(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

// Fingerprint names a public key for people: "SHA256:" and the base64 digest of its PKIX form.
func Fingerprint(key ed25519.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "" // no ed25519 key has one
	}
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
