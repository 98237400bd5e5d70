package cot

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
)

var (
	// ErrKey says that a text is not a key.
	ErrKey = errors.New("not an ed25519 key")
	// ErrSignature says that a signature is not that of the document by the key.
	ErrSignature = errors.New("the signature does not fit: another key signed it, or it was changed")
	// ErrFormat says that a document that was signed is not a certificate.
	ErrFormat = errors.New("not a chain-of-trust certificate")
)

// ReadKey reads a private key: a file with the standard base64 of its seed of 32 bytes. Where others
// may read the file it is made its owner's alone first, which note says. No error holds the content.
func ReadKey(path string) (key ed25519.PrivateKey, note string, err error) {
	text, note, err := private.Read(path)
	if err != nil {
		return nil, note, fmt.Errorf("cot: read the signing key: %w", err)
	}
	seed, err := decode(string(text), ed25519.SeedSize)
	if err != nil {
		return nil, note, fmt.Errorf("cot: read the signing key: %s: %w", path, err)
	}
	return ed25519.NewKeyFromSeed(seed), note, nil
}

// PublicKey decodes a public key: the standard base64 of its 32 bytes.
func PublicKey(text string) (ed25519.PublicKey, error) {
	key, err := decode(text, ed25519.PublicKeySize)
	if err != nil {
		return nil, fmt.Errorf("cot: %w", err)
	}
	return key, nil
}

func decode(text string, size int) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != size {
		return nil, fmt.Errorf("%w: it must be the base64 of %d bytes", ErrKey, size)
	}
	return key, nil
}

// Sign returns the signature of a document, 64 bytes.
func Sign(key ed25519.PrivateKey, document []byte) []byte { return ed25519.Sign(key, document) }
