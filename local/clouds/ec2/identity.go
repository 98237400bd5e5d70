package ec2

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/workerkit/workerkit/local/api"
)

// document is an instance's identity document, to the byte in EC2's form: members in the order
// of their names, a space on both sides of the colon.
func (r record) document() string {
	lines := []struct{ name, value string }{
		{"accountId", r.AccountID}, {"architecture", r.Architecture}, {"availabilityZone", r.AvailabilityZone},
		{"billingProducts", ""}, {"devpayProductCodes", ""}, {"marketplaceProductCodes", ""},
		{"imageId", r.ImageID}, {"instanceId", r.InstanceID}, {"instanceType", r.InstanceType}, {"kernelId", ""},
		{"pendingTime", r.Launched.UTC().Format(time.RFC3339)}, {"privateIp", r.PrivateIP}, {"ramdiskId", ""},
		{"region", r.Region}, {"version", "2017-09-30"},
	}
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		value := "null"
		if l.value != "" {
			value = fmt.Sprintf("%q", l.value)
		}
		out = append(out, fmt.Sprintf("  %q : %s", l.name, value))
	}
	return "{\n" + strings.Join(out, ",\n") + "\n}"
}

// sign is EC2's signature of a document: RSA with SHA-256, in lines of base64.
func (c *Cloud) sign(document string) (string, error) {
	key, err := c.key()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(document))
	signature, err := rsa.SignPKCS1v15(c.random, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("ec2: sign the identity document: %w", err)
	}
	text := base64.StdEncoding.EncodeToString(signature)
	const width = 64
	var lines []string
	for len(text) > width {
		lines, text = append(lines, text[:width]), text[width:]
	}
	return strings.Join(append(lines, text), "\n"), nil
}

// proof is the workerIdentityProof of an instance.
type proof struct {
	Document  *string `json:"document"`
	Signature *string `json:"signature"`
}

// Verify implements clouds.Cloud: the document must be signed by this EC2, and be about the
// instance that was launched.
func (c *Cloud) Verify(raw json.RawMessage, _ string, stored json.RawMessage) error {
	var p proof
	if err := json.Unmarshal(raw, &p); err != nil || p.Document == nil || p.Signature == nil {
		return api.InputError("missing document or signature in workerIdentityProof")
	}
	r, err := decodeRecord(stored)
	if err != nil {
		return err
	}
	good, err := c.signed(*p.Document, *p.Signature)
	if err != nil {
		return err
	}
	var said map[string]any
	if !good || json.Unmarshal([]byte(*p.Document), &said) != nil {
		return api.InputError("bad signature of the document in workerIdentityProof")
	}
	for _, f := range []struct{ name, want string }{
		{"privateIp", r.PrivateIP}, {"accountId", r.AccountID}, {"availabilityZone", r.AvailabilityZone},
		{"architecture", r.Architecture}, {"imageId", r.ImageID}, {"instanceId", r.InstanceID},
		{"instanceType", r.InstanceType}, {"region", r.Region},
	} {
		if said[f.name] != f.want {
			return api.InputError("bad %s in the document in workerIdentityProof", f.name)
		}
	}
	return nil
}

// signed tells whether the signature is one of this EC2's.
func (c *Cloud) signed(document, signature string) (bool, error) {
	key, err := c.key()
	if err != nil {
		return false, err
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(signature), ""))
	sum := sha256.Sum256([]byte(document))
	return err == nil && rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], data) == nil, nil
}

func decodeRecord(stored json.RawMessage) (record, error) {
	var r record
	if err := json.Unmarshal(stored, &r); err != nil {
		return r, fmt.Errorf("ec2: decode the instance's record: %w", err)
	}
	return r, nil
}
