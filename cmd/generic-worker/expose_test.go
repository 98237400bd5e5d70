package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/worker/config"
)

// writePair makes a certificate and its key as files.
func writePair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"worker.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

func TestCertificateOfTheLiveLog(t *testing.T) {
	good, key := writePair(t)
	_, other := writePair(t)
	for name, c := range map[string]struct {
		certificate, key string
		wrong            string
	}{
		"none":        {},
		"good":        {good, key, ""},
		"missing":     {good + "x", key, "certificate.pemx"},
		"no key":      {good, good, "private key"},
		"another key": {good, other, "does not match"},
	} {
		pair, err := certificate(&config.Config{LivelogCertificate: c.certificate, LivelogKey: c.key})
		if c.wrong == "" {
			if err != nil || (pair != nil) != (c.certificate != "") {
				t.Errorf("%s: %v, %v", name, pair, err)
			}
			continue
		}
		if !errors.Is(err, config.ErrInvalid) || !strings.Contains(err.Error(), "livelogCertificate and livelogKey") || !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExposer(t *testing.T) {
	c := config.Config{WorkerGroup: "group", WorkerID: "worker-1"}
	p := parts{config: &c, logger: slog.New(slog.DiscardHandler)}
	if local, ok := p.exposer(60099, 7).(expose.Local); !ok || local.Port != 7 {
		t.Errorf("without a tunnel: %+v", local)
	}
	c.WSTAudience, c.WSTServerURL = "audience", "https://tunnel.example.com"
	if tunnel, ok := p.exposer(60099, 7).(expose.Tunnel); !ok || tunnel.ID != "group.worker-1.60099" || tunnel.Server != c.WSTServerURL {
		t.Errorf("with a tunnel: %+v", tunnel)
	}
}
