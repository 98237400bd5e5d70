package api

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // EC2's fingerprints are of SHA-1
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
)

// key is a key pair. Its private half is in the answer of CreateKeyPair and nowhere else.
type key struct {
	id, name, fingerprint, public, created string
	tags                                   tags
}

// keyPair is a key pair in an answer.
type keyPair struct {
	KeyName        string   `xml:"keyName"`
	KeyFingerprint string   `xml:"keyFingerprint"`
	KeyPairID      string   `xml:"keyPairId"`
	KeyMaterial    string   `xml:"keyMaterial,omitempty"`
	Created        string   `xml:"createTime"`
	Tags           set[tag] `xml:"tagSet"`
}

func (k *key) answer() keyPair {
	return keyPair{KeyName: k.name, KeyFingerprint: k.fingerprint, KeyPairID: k.id, Created: k.created, Tags: k.tags.answer()}
}

func (a *region) createKeyPair(q query) (any, error) {
	const bits = 2048
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("ec2: make a key pair: %w", err)
	}
	made, err := a.addKey(q, authorizedKey(&private.PublicKey))
	if err != nil {
		return nil, err
	}
	made.KeyMaterial = string(pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private),
	}))
	return made, nil
}

func (a *region) importKeyPair(q query) (any, error) {
	public, err := base64.StdEncoding.DecodeString(q.get("PublicKeyMaterial"))
	if err != nil || !strings.HasPrefix(string(public), "ssh-") {
		return nil, missing("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
	}
	return a.addKey(q, string(public))
}

// addKey keeps the public half of a new key pair.
func (a *region) addKey(q query, public string) (keyPair, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := q.get("KeyName")
	if name == "" {
		return keyPair{}, missing("MissingParameter", "The request must contain the parameter KeyName")
	}
	if _, there := a.keys[name]; there {
		return keyPair{}, missing("InvalidKeyPair.Duplicate", "The keypair already exists")
	}
	sum := sha1.Sum([]byte(public)) //nolint:gosec // see above
	k := &key{newID("key"), name, hex.EncodeToString(sum[:]), public, stamp(a.options.Clock()), q.specified("key-pair")}
	a.keys[name] = k
	return k.answer(), nil
}

func (a *region) describeKeyPairs(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := q.list("KeyName")
	for _, name := range names {
		if _, there := a.keys[name]; !there {
			return nil, missing("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", name)
		}
	}
	found, err := choose(a.keys, names, q.filters(), func(k *key) (map[string]string, tags, keyPair) {
		return map[string]string{"key-name": k.name, "key-pair-id": k.id}, k.tags, k.answer()
	})
	return struct {
		Keys set[keyPair] `xml:"keySet"`
	}{found}, err
}

// deleteKeyPair is content with a key pair that is not there, as EC2 is.
func (a *region) deleteKeyPair(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := q.get("KeyName")
	for _, k := range a.keys {
		if id := q.get("KeyPairId"); id != "" && k.id == id {
			name = k.name
		}
	}
	delete(a.keys, name)
	return done{true}, nil
}

// authorizedKey is a public key as a line of authorized_keys: three strings of SSH's wire
// format, each after its length.
func authorizedKey(k *rsa.PublicKey) string {
	var blob []byte
	add := func(b []byte) {
		blob = binary.BigEndian.AppendUint32(blob, uint32(len(b))) //nolint:gosec // of a key
		blob = append(blob, b...)
	}
	// An integer whose first bit is set has a zero before it, or it would be negative.
	positive := func(n *big.Int) []byte {
		b := n.Bytes()
		if b[0] >= 0x80 {
			return append([]byte{0}, b...)
		}
		return b
	}
	add([]byte("ssh-rsa"))
	add(positive(big.NewInt(int64(k.E))))
	add(positive(k.N))
	return "ssh-rsa " + base64.StdEncoding.EncodeToString(blob)
}
