package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/internal/scopes"
	"github.com/workerkit/workerkit/local/auth/hawk"
)

// maxSkew is how far a caller's clock may be off. Like the real service, this one keeps no
// nonces: within the skew a request could be sent again.
const maxSkew = 15 * time.Minute

// anonymousExpiry is how long what an anonymous caller may do is good to cache.
const anonymousExpiry = 15 * time.Minute

// refusal is why credentials are no good; the caller may read it.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

// identity is who signed a request.
type identity struct {
	clientID string // "" is anonymous
	scopes   []string
	expires  time.Time

	signature *hawk.Signature // nil when anonymous
	issuer    client          // whose token it goes back to
}

// directory is where clients and roles come from: the store, or the tests' one client.
type directory struct {
	client func(id string) (client, error)
	expand func(held []string) ([]string, error)
}

// everyones expands scopes together with those that everybody has.
func (d directory) everyones(held []string) ([]string, error) {
	return d.expand(append([]string{"assume:" + anonymousRole}, held...))
}

// identify finds out who signed the request. now is the services' time, by which credentials
// begin and end; a signature is fresh or stale by the machine's time, whatever the services'
// clock is set to.
func identify(request hawk.Request, now time.Time, d directory) (identity, error) {
	signature, err := hawk.Parse(request)
	if err != nil {
		return identity{}, err
	}
	if signature == nil {
		held, err := d.everyones(nil)
		return identity{scopes: held, expires: now.Add(anonymousExpiry)}, err
	}
	ext, err := parseExt(signature.Ext)
	if err != nil {
		return identity{}, err
	}
	issuer, err := d.client(ext.issuer(signature.ID))
	if err != nil {
		return identity{}, err
	}
	if err := signature.Verify(ext.key(issuer.AccessToken), time.Now(), maxSkew); err != nil {
		return identity{}, err
	}
	id := identity{clientID: signature.ID, expires: issuer.Expires, signature: signature, issuer: issuer}
	if id.scopes, err = d.everyones(issuer.Scopes); err != nil {
		return identity{}, err
	}
	if err := ext.narrowByCertificate(&id, now, d); err != nil {
		return identity{}, err
	}
	return id, ext.narrowByAuthorizedScopes(&id, d)
}

// ext is what Taskcluster puts into the ext of a signature.
type ext struct {
	Certificate      *certificate `json:"certificate"`
	AuthorizedScopes *[]string    `json:"authorizedScopes"`
}

func parseExt(text string) (ext, error) {
	var e ext
	if text == "" {
		return e, nil
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return e, refusal("Failed to parse ext: it is not base64")
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, refusal("Failed to parse ext: it is not the JSON of a certificate and authorizedScopes")
	}
	return e, nil
}

// issuer is the client whose token the credentials of clientID go back to.
func (e *ext) issuer(clientID string) string {
	if e.Certificate != nil && e.Certificate.Issuer != "" {
		return e.Certificate.Issuer
	}
	return clientID
}

// key is what the request is signed with, by the issuer's token.
func (e *ext) key(token string) string {
	if e.Certificate != nil {
		return e.Certificate.accessToken(token)
	}
	return token
}

// narrowByCertificate narrows the issuer's authority to what the certificate says.
func (e *ext) narrowByCertificate(id *identity, now time.Time, d directory) error {
	c := e.Certificate
	if c == nil {
		return nil
	}
	if err := c.check(id.clientID, id.issuer.AccessToken, now); err != nil {
		return err
	}
	needed := c.Scopes
	if c.Issuer != "" {
		needed = append([]string{"auth:create-client:" + id.clientID}, needed...)
	}
	if missing := scopes.Missing(id.scopes, needed); missing != nil {
		return refusal(fmt.Sprintf("ext.certificate issuer doesn't have sufficient scopes; missing: %q", missing))
	}
	if expiry := time.UnixMilli(c.Expiry); expiry.Before(id.expires) {
		id.expires = expiry
	}
	var err error
	id.scopes, err = d.everyones(c.Scopes)
	return err
}

// narrowByAuthorizedScopes narrows the authority to what the caller wants to use of it.
func (e *ext) narrowByAuthorizedScopes(id *identity, d directory) error {
	if e.AuthorizedScopes == nil {
		return nil
	}
	if missing := scopes.Missing(id.scopes, *e.AuthorizedScopes); missing != nil {
		return refusal(fmt.Sprintf("ext.authorizedScopes oversteps your scopes; missing: %q", missing))
	}
	var err error
	id.scopes, err = d.everyones(*e.AuthorizedScopes)
	return err
}
