package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/crypto/openpgp"        //nolint:staticcheck // frozen, and enough to make a key in a frozen format
	"golang.org/x/crypto/openpgp/armor"  //nolint:staticcheck // as above
	"golang.org/x/crypto/openpgp/packet" //nolint:staticcheck // as above

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/worker/config"
)

// newEd25519 writes the seed of a new key to a file and prints the public key.
func newEd25519(values []string) (string, error) {
	public, key, err := ed25519.GenerateKey(nil)
	if err == nil {
		err = private.Write(values[0], []byte(base64.StdEncoding.EncodeToString(key.Seed())))
	}
	if err != nil {
		return "", fmt.Errorf("make a key pair: %w", err)
	}
	return base64.StdEncoding.EncodeToString(public), nil
}

// ensureKey makes the key that a configuration of an older release does not name, unless it has
// been made before. The public key is for the log: whoever checks signatures wants it.
func ensureKey(c *config.Config) (public string, err error) {
	if !c.MakesKey() {
		return "", nil
	}
	if _, err := os.Lstat(c.Ed25519SigningKeyLocation); !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return newEd25519([]string{c.Ed25519SigningKeyLocation})
}

// newOpenPGP writes a new private key of the kind that release 11 signed with to a file and prints
// the public key, both armoured. Nothing of today uses it.
func newOpenPGP(values []string) (string, error) {
	const bits = 4096
	entity, err := openpgp.NewEntity("Generic-Worker", "taskcluster", "", &packet.Config{RSABits: bits, DefaultHash: crypto.SHA256})
	if err != nil {
		return "", fmt.Errorf("make a key pair: %w", err)
	}
	// This signs the key with itself, without which the public key is not complete.
	key, err := armoured(openpgp.PrivateKeyType, func(w io.Writer) error { return entity.SerializePrivate(w, nil) })
	if err == nil {
		err = private.Write(values[0], key)
	}
	var public []byte
	if err == nil {
		public, err = armoured(openpgp.PublicKeyType, entity.Serialize)
	}
	if err != nil {
		return "", fmt.Errorf("make a key pair: %w", err)
	}
	return string(public), nil
}

func armoured(kind string, write func(io.Writer) error) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, kind, nil)
	if err == nil {
		err = errors.Join(write(w), w.Close())
	}
	b.WriteByte('\n')
	return b.Bytes(), err
}
