package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/workerkit/workerkit/local/api"
)

// longestCertificate bounds temporary credentials.
const longestCertificate = 31 * 24 * time.Hour

// certificate is the certificate of temporary credentials. Its times are milliseconds of Unix.
type certificate struct {
	Version   int      `json:"version"`
	Scopes    []string `json:"scopes"`
	Start     int64    `json:"start"`
	Expiry    int64    `json:"expiry"`
	Seed      string   `json:"seed"`
	Signature string   `json:"signature"`
	Issuer    string   `json:"issuer,omitempty"` // "": the client itself, and the credentials have no name
}

// sign returns the signature of the certificate under the issuer's token, for clientID.
func (c *certificate) sign(clientID, token string) string {
	lines := []string{fmt.Sprintf("version:%d", c.Version)}
	if c.Issuer != "" {
		lines = append(lines, "clientId:"+clientID, "issuer:"+c.Issuer)
	}
	lines = append(lines, "seed:"+c.Seed, fmt.Sprintf("start:%d", c.Start), fmt.Sprintf("expiry:%d", c.Expiry), "scopes:")
	lines = append(lines, c.Scopes...)
	return base64.StdEncoding.EncodeToString(mac(token, strings.Join(lines, "\n")))
}

// accessToken returns the temporary access token that goes with the certificate.
func (c *certificate) accessToken(token string) string {
	return base64.RawURLEncoding.EncodeToString(mac(token, c.Seed))
}

// check checks all but the scopes: the form, the times, the signature.
func (c *certificate) check(clientID, token string, now time.Time) error {
	start, expiry := time.UnixMilli(c.Start), time.UnixMilli(c.Expiry)
	switch {
	case c.Version != 1:
		return refusal("ext.certificate.version must be 1")
	case len(c.Seed) != 44:
		return refusal("ext.certificate.seed must be 44 characters")
	case c.Issuer == clientID:
		return refusal("ext.certificate.issuer must differ from the clientId")
	case start.After(now):
		return refusal("ext.certificate.start > now")
	case expiry.Before(now):
		return refusal("ext.certificate.expiry < now")
	case expiry.Sub(start) > longestCertificate:
		return refusal("ext.certificate cannot last longer than 31 days!")
	case !hmac.Equal([]byte(c.sign(clientID, token)), []byte(c.Signature)):
		return refusal("ext.certificate.signature is not valid")
	}
	return nil
}

// Issue implements api.Issuer. service must be one of Deps.Issuers.
func (a *Auth) Issue(service, clientID string, scopes []string, start, expiry time.Time) (api.Credentials, error) {
	issuer := staticPrefix + service
	token, ok := a.static[issuer]
	if !ok {
		return api.Credentials{}, fmt.Errorf("auth: issue credentials: there is no client %s", issuer)
	}
	if scopes == nil {
		scopes = []string{}
	}
	c := &certificate{
		Version: 1, Scopes: scopes, Start: start.UnixMilli(), Expiry: expiry.UnixMilli(), Seed: newToken(), Issuer: issuer,
	}
	c.Signature = c.sign(clientID, token.Reveal())
	text, err := json.Marshal(c)
	if err != nil {
		return api.Credentials{}, fmt.Errorf("auth: issue credentials: %w", err)
	}
	return api.Credentials{ClientID: clientID, AccessToken: c.accessToken(token.Reveal()), Certificate: string(text)}, nil
}

func mac(key, text string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}
