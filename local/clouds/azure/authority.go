package azure

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/smallstep/pkcs7"
)

// signer is the common name of the certificate that documents are signed with.
const signer = "metadata.azure.com"

// authority is the chain that vouches for attested documents: a root, one intermediate
// certificate, which verifiers must know because documents do not carry it, and the signer's.
type authority struct {
	root, intermediate, leaf *x509.Certificate
	key                      *rsa.PrivateKey
}

// newAuthority makes the chain. It takes about half a second: three RSA keys, as Azure's.
func newAuthority(now time.Time) (*authority, error) {
	root, rootKey, err := certify(template("Emulated Azure Root CA", 1, now, true), nil, nil)
	if err != nil {
		return nil, err
	}
	intermediate, intermediateKey, err := certify(template("Emulated Azure TLS Issuing CA 01", 2, now, true), root, rootKey)
	if err != nil {
		return nil, err
	}
	leaf, key, err := certify(template(signer, 3, now, false), intermediate, intermediateKey)
	if err != nil {
		return nil, err
	}
	return &authority{root: root, intermediate: intermediate, leaf: leaf, key: key}, nil
}

func template(name string, serial int64, now time.Time, issuer bool) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		// No clock fault shall reach the ends: it is the document that must expire.
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true, IsCA: issuer,
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	if issuer {
		t.KeyUsage = x509.KeyUsageCertSign
	} else {
		t.DNSNames = []string{name}
	}
	return t
}

// certify makes a key and has it certified, by itself when there is no parent.
func certify(t, parent *x509.Certificate, parentKey *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, fmt.Errorf("azure: make the key of %s: %w", t.Subject.CommonName, err)
	}
	if parent == nil {
		parent, parentKey = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, fmt.Errorf("azure: certify %s: %w", t.Subject.CommonName, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("azure: read the certificate of %s: %w", t.Subject.CommonName, err)
	}
	return certificate, key, nil
}

// sign makes a PKCS #7 message with the content and the one certificate of the signer, without
// signed attributes, as Azure's.
func (a *authority) sign(content []byte) ([]byte, error) {
	message, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, fmt.Errorf("azure: begin a signed document: %w", err)
	}
	message.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := message.SignWithoutAttr(a.leaf, a.key, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, fmt.Errorf("azure: sign a document: %w", err)
	}
	der, err := message.Finish()
	if err != nil {
		return nil, fmt.Errorf("azure: encode a signed document: %w", err)
	}
	return der, nil
}

// chain checks that the certificate was issued by the authority.
func (a *authority) chain(certificate *x509.Certificate, now time.Time) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.root)
	intermediates.AddCert(a.intermediate)
	_, err := certificate.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}
