package tc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"
)

// HTTPOptions are what can be chosen of the programs' HTTP client.
type HTTPOptions struct {
	// CAFile, when not "", is a PEM file with certificates of authorities that are trusted
	// besides the system's.
	CAFile string
}

// NewHTTP makes the HTTP client that the programs use for API calls and uploads: proxies
// from the environment, bounded dialling and TLS handshake, redirects not followed.
func NewHTTP() *http.Client {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialing(dialer),
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   64, // as many as upload small artifacts at the same time, and the worker's own calls
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   15 * time.Second,
			ExpectContinueTimeout: time.Second,
			WriteBufferSize:       64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// NewHTTPWith is NewHTTP with options. An error names the file that is wrong.
func NewHTTPWith(o HTTPOptions) (*http.Client, error) {
	client := NewHTTP()
	if o.CAFile == "" {
		return client, nil
	}
	pool, err := authorities(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("CA file %s: %w", o.CAFile, err)
	}
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return client, nil
}

// authorities are the system's and those of a PEM file.
func authorities(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // the path is said already
		}
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("the system's certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no certificate in it: it must hold PEM blocks, -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}
