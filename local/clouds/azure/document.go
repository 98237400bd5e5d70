package azure

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/workerkit/workerkit/local/api"
)

const (
	// lifetime is how long an attested document is valid.
	lifetime = 6 * time.Hour
	// stampLayout is how documents write a time; Azure writes the zone as -0000.
	stampLayout = "01/02/06 15:04:05 -0700"
	stampUTC    = "01/02/06 15:04:05 -0000"
)

// attested is the content of an attested document.
type attested struct {
	Nonce string `json:"nonce"`
	Plan  struct {
		Name      string `json:"name"`
		Product   string `json:"product"`
		Publisher string `json:"publisher"`
	} `json:"plan"`
	SKU            string `json:"sku"`
	SubscriptionID string `json:"subscriptionId"`
	TimeStamp      struct {
		CreatedOn string `json:"createdOn"`
		ExpiresOn string `json:"expiresOn"`
	} `json:"timeStamp"`
	VMID string `json:"vmId"`
}

// attest makes the document of the machine, in base64. Without a nonce the time stands for it.
func (a *authority) attest(r Record, nonce string, now time.Time) (string, error) {
	now = now.UTC()
	if nonce == "" {
		nonce = now.Format("20060102-150405")
	}
	content := attested{Nonce: nonce, SKU: r.Image.SKU, SubscriptionID: r.SubscriptionID, VMID: r.VMID}
	content.TimeStamp.CreatedOn = now.Format(stampUTC)
	content.TimeStamp.ExpiresOn = now.Add(lifetime).Format(stampUTC)
	encoded, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("azure: encode the attested document: %w", err)
	}
	der, err := a.sign(encoded)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

// Verify implements clouds.Cloud. As a real deployment it says the same whatever is wrong.
func (c *Cloud) Verify(proof json.RawMessage, _ string, record json.RawMessage) error {
	var r Record
	if err := json.Unmarshal(record, &r); err != nil {
		return fmt.Errorf("azure: decode the machine's record: %w", err)
	}
	a, err := c.authority()
	if err != nil {
		return err
	}
	if err := a.verify(proof, r, c.now()); err != nil {
		return api.InputError("Signature validation error")
	}
	return nil
}

// verify says what is wrong with a proof.
func (a *authority) verify(proof json.RawMessage, r Record, now time.Time) error {
	var evidence struct {
		Document *string `json:"document"`
	}
	decoder := json.NewDecoder(bytes.NewReader(proof))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&evidence); err != nil {
		return fmt.Errorf("decode the proof: %w", err)
	}
	if evidence.Document == nil {
		return errors.New("the proof has no document")
	}
	content, err := a.open(*evidence.Document, now)
	if err != nil {
		return err
	}
	expires, err := time.Parse(stampLayout, content.TimeStamp.ExpiresOn)
	switch {
	case err != nil:
		return fmt.Errorf("when the document expires: %w", err)
	case !expires.After(now):
		return errors.New("the document has expired")
	case content.VMID != r.VMID:
		return errors.New("the document is another machine's")
	}
	return nil
}

// open checks the signature and returns what was signed.
func (a *authority) open(document string, now time.Time) (attested, error) {
	var content attested
	der, err := base64.StdEncoding.DecodeString(document)
	if err != nil {
		return content, fmt.Errorf("decode the document: %w", err)
	}
	message, err := pkcs7.Parse(der)
	if err != nil {
		return content, fmt.Errorf("parse the document: %w", err)
	}
	if len(message.Certificates) != 1 {
		return content, fmt.Errorf("the document has %d certificates", len(message.Certificates))
	}
	certificate := message.GetOnlySigner()
	if certificate == nil {
		return content, errors.New("the document must have one signer")
	}
	if err := a.trusts(certificate, now); err != nil {
		return content, err
	}
	if digest := message.Signers[0].DigestAlgorithm.Algorithm; !digest.Equal(pkcs7.OIDDigestAlgorithmSHA256) {
		return content, fmt.Errorf("the document is signed over the digest %s", digest)
	}
	if err := message.Verify(); err != nil {
		return content, fmt.Errorf("check the signature: %w", err)
	}
	if err := json.Unmarshal(message.Content, &content); err != nil {
		return content, fmt.Errorf("decode what was signed: %w", err)
	}
	return content, nil
}

// trusts checks that documents may be signed with the certificate.
func (a *authority) trusts(certificate *x509.Certificate, now time.Time) error {
	name := certificate.Subject.CommonName
	if name != signer && !strings.HasSuffix(name, "."+signer) {
		return fmt.Errorf("the signer is %q", name)
	}
	if certificate.SignatureAlgorithm != x509.SHA256WithRSA || certificate.PublicKeyAlgorithm != x509.RSA {
		return fmt.Errorf("the signer's certificate is of %s", certificate.SignatureAlgorithm)
	}
	if err := a.chain(certificate, now); err != nil {
		return fmt.Errorf("check the signer's certificate: %w", err)
	}
	return nil
}
