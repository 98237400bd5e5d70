package expose_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/expose"
)

// certificate is one for these names and addresses, signed by itself.
func certificate(t *testing.T, names []string, addresses ...string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// TestHTTPS: viewers that check the certificate are served at the URL.
func TestHTTPS(t *testing.T) {
	for name, c := range map[string]struct {
		certificate *tls.Certificate
		host        string
	}{
		"address":        {certificate(t, []string{"worker.example.com"}, "127.0.0.1"), "127.0.0.1"},
		"name":           {certificate(t, []string{"*.example.com", "localhost"}), "localhost"},
		"names of many":  {certificate(t, []string{"*.example.com"}), "127.0.0.1"},
		"without a leaf": {&tls.Certificate{Certificate: certificate(t, nil).Certificate}, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			e := exposed(t, expose.Local{Certificate: c.certificate}, http.HandlerFunc(hello))
			u, err := url.Parse(e.URL())
			if err != nil || u.Scheme != "https" || u.Hostname() != c.host {
				t.Fatalf("URL %s, want https at %s", e.URL(), c.host)
			}
			if name != "address" && name != "name" {
				return // nobody can check it
			}
			pool := x509.NewCertPool()
			pool.AddCert(c.certificate.Leaf)
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
			if got := get(t, client, e.URL()+"/x"); got != "HTTP/1.1 /x" {
				t.Errorf("got %q", got)
			}
		})
	}
}
