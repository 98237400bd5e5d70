package cloudstest

import (
	"net/http"
	"net/url"
	"testing"
)

// Client makes a client whose calls, to whichever host, come to the stand. It is for libraries
// that take one: they need neither proxy nor certificate.
func (s Stand) Client(t testing.TB) *http.Client {
	t.Helper()
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: redirect{to}}
}

type redirect struct{ to *url.URL }

// RoundTrip implements http.RoundTripper.
func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host, req.Host = r.to.Scheme, r.to.Host, ""
	return http.DefaultTransport.RoundTrip(req)
}
