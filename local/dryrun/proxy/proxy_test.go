package proxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/local/dryrun/proxy"
)

// said is a cloud that says its name and what it was asked.
func said(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name+" "+r.URL.Path) })
}

func start(ctx context.Context, t *testing.T) *proxy.Proxy {
	t.Helper()
	p, err := proxy.Start(ctx, nil, proxy.Route{Host: "login.example.com", Handler: said("login")}, proxy.Route{Host: ".example.org", Handler: said("org")})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// client is one that is told of the proxy, and trusts it if trusting.
func client(t *testing.T, p *proxy.Proxy, trusting bool) *http.Client {
	t.Helper()
	u, err := url.Parse(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if trusting && !roots.AppendCertsFromPEM(p.Certificate()) {
		t.Fatal("no certificate")
	}
	transport := &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get is the body, or the error.
func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	response, err := c.Get(url)
	if err != nil {
		return "error: " + err.Error()
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestProxy(t *testing.T) {
	p := start(t.Context(), t)
	defer p.Close()
	c := client(t, p, true)
	for url, want := range map[string]string{
		"https://login.example.com/a":     "login /a",
		"https://ec2.eu.example.org/b":    "org /b",
		"https://ec2.eu.example.org:99/c": "org /c",
		"https://example.org/d":           "error: ",
		"https://elsewhere.example/e":     "error: ",
		"http://login.example.com/f":      "HTTPS only",
	} {
		if got := get(t, c, url); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
	if got := get(t, client(t, p, false), "https://login.example.com/a"); !strings.Contains(got, "certificate signed by unknown authority") {
		t.Errorf("a client that does not trust the proxy: %q", got)
	}
}

// TestHostInside: what a request asks inside a tunnel counts, not how the tunnel was asked for.
func TestHostInside(t *testing.T) {
	p := start(t.Context(), t)
	defer p.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://login.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "elsewhere.example"
	response, err := client(t, p, true).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("status %s", response.Status)
	}
}

// TestEnd: the end of the context ends a proxy as Close does, whose second call is no harm, and
// no goroutine stays.
func TestEnd(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithCancel(t.Context())
	p := start(ctx, t)
	c := client(t, p, true)
	if got := get(t, c, "https://login.example.com/"); got != "login /" {
		t.Fatal(got)
	}
	cancel()
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := get(t, c, "https://login.example.com/"); !strings.HasPrefix(got, "error: ") {
		t.Errorf("a closed proxy answers: %s", got)
	}
	c.CloseIdleConnections()
}
