package signproxy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/tent/hawk-go"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
)

// signer signs calls with the newest credentials.
type signer struct {
	source tc.Source
	scopes []string
}

// errCertificate says nothing of what is in it.
var errCertificate = errors.New("the certificate of the credentials cannot be read")

// sign sets the header that authorizes a call, once.
func (s signer) sign(r *http.Request) error {
	credentials := s.source()
	ext, err := s.ext(credentials)
	if err != nil {
		return err
	}
	auth := hawk.NewRequestAuth(r, key(credentials), 0)
	auth.Ext = ext
	r.Header.Set("Authorization", auth.RequestHeader())
	return nil
}

// signURL returns the URL with a signature that is good for some time, for GET and HEAD. The public client's
// own function drops what the URL asks for.
func (s signer) signURL(u *url.URL, valid time.Duration) (string, error) {
	credentials := s.source()
	ext, err := s.ext(credentials)
	if err != nil {
		return "", err
	}
	signed := *u
	signed.Fragment, signed.RawFragment = "", ""
	auth := hawk.NewRequestAuth(&http.Request{Method: http.MethodGet, URL: &signed, Host: signed.Host}, key(credentials), valid)
	auth.Ext = ext
	bewit := "bewit=" + auth.Bewit()
	if signed.RawQuery != "" {
		bewit = signed.RawQuery + "&" + bewit
	}
	signed.RawQuery = bewit
	return signed.String(), nil
}

func key(c tc.Credentials) *hawk.Credentials {
	return &hawk.Credentials{ID: c.ClientID, Key: c.AccessToken.Reveal(), Hash: sha256.New}
}

// ext is what the services read besides the signature: the certificate of temporary credentials, and
// the scopes to which the call is restricted.
func (s signer) ext(c tc.Credentials) (string, error) {
	e := struct {
		Certificate      json.RawMessage `json:"certificate,omitempty"`
		AuthorizedScopes []string        `json:"authorizedScopes"`
	}{AuthorizedScopes: append([]string{}, s.scopes...)} // none is a restriction too, where null is not
	if !c.Certificate.Empty() {
		e.Certificate = json.RawMessage(c.Certificate.Reveal())
	}
	text, err := json.Marshal(e)
	if err != nil {
		return "", errCertificate
	}
	return base64.StdEncoding.EncodeToString(text), nil
}

// describe says in a reply what was called, and as whom.
func (s signer) describe(h http.Header, target *url.URL) {
	h.Set("X-Taskcluster-Endpoint", target.String())
	h.Set("X-Taskcluster-Proxy-Version", version.String())
	h.Set("X-Taskcluster-Proxy-Revision", version.Revision())
	h.Set("X-Taskcluster-Authorized-Scopes", list(s.scopes))
	c := s.source()
	if c.Certificate.Empty() {
		h.Set("X-Taskcluster-Proxy-Perm-Clientid", c.ClientID)
		return
	}
	h.Set("X-Taskcluster-Proxy-Temp-Clientid", c.ClientID)
	var certificate tcclient.Certificate
	if json.Unmarshal([]byte(c.Certificate.Reveal()), &certificate) == nil {
		h.Set("X-Taskcluster-Proxy-Temp-Scopes", list(certificate.Scopes))
	}
}

// list shows scopes as JSON, on one line.
func list(scopes []string) string {
	text, err := json.Marshal(append([]string{}, scopes...))
	if err != nil {
		return "[]" // cannot be: they are texts
	}
	return string(text)
}
