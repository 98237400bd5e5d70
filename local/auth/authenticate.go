package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/api/scopes"
	"github.com/workerkit/workerkit/local/auth/hawk"
	"github.com/workerkit/workerkit/local/store"
)

// maxSkew is how far a caller's clock may be off. Like the real service, this one keeps no
// nonces: within the skew a request could be sent again.
const maxSkew = 15 * time.Minute

// anonymousExpiry is how long what an anonymous caller may do is good to cache.
const anonymousExpiry = 15 * time.Minute

// usedInterval is how old lastDateUsed may grow.
const usedInterval = 6 * time.Hour

// refusal is why credentials are no good; the caller may read it.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

// identity is who signed a request.
type identity struct {
	clientID string // "" is anonymous
	scopes   []string
	expires  time.Time
	hash     string // of the payload, "" when there is none
}

// directory is where identities come from: the store, or the tests' one client.
type directory struct {
	client func(id string) (client, error) // the error is a refusal when there is no such client
	expand func(held []string) ([]string, error)
}

// Authenticate implements api.Authenticator.
func (a *Auth) Authenticate(r *http.Request, body []byte) (api.Caller, error) {
	request := hawk.FromHTTP(r)
	id, err := a.identify(r.Context(), request)
	if err == nil && id.hash != "" {
		err = checkPayload(request, r.Header.Get("Content-Type"), body)
	}
	if err != nil {
		return api.Caller{}, asFailure(err)
	}
	return api.Caller{ClientID: id.clientID, Scopes: id.scopes, Expires: id.expires}, nil
}

func checkPayload(request hawk.Request, contentType string, body []byte) error {
	signature, err := hawk.Parse(request)
	if err != nil {
		return err
	}
	return signature.VerifyPayload(contentType, body)
}

// asFailure makes a 401 of a refusal; other errors stay what they are.
func asFailure(err error) error {
	message, ok := refused(err)
	if !ok {
		return err
	}
	return &api.Error{Status: http.StatusUnauthorized, Code: "AuthenticationFailed", Message: message}
}

// refused returns the text of an error that is the caller's own.
func refused(err error) (message string, ok bool) {
	var wire hawk.Error
	if errors.As(err, &wire) {
		return "Unauthorized: " + wire.Error(), true
	}
	var own refusal
	if errors.As(err, &own) {
		return own.Error(), true
	}
	return "", false
}

// identify finds out who signed the request, from the store.
func (a *Auth) identify(ctx context.Context, request hawk.Request) (identity, error) {
	var id identity
	var stale []string
	err := a.store.View(ctx, func(tx *store.Tx) error {
		var err error
		id, err = identify(request, a.clock(), directory{
			client: func(clientID string) (client, error) {
				c, err := a.usable(tx, clientID)
				if err == nil && a.clock().Sub(c.LastDateUsed) > usedInterval {
					stale = append(stale, clientID)
				}
				return c, err
			},
			expand: func(held []string) ([]string, error) { return expand(tx, held) },
		})
		return err
	})
	if err != nil {
		return identity{}, err
	}
	if stale != nil {
		return id, a.noteUse(ctx, stale)
	}
	return id, nil
}

// usable returns a client that may be used now.
func (a *Auth) usable(tx *store.Tx, clientID string) (client, error) {
	var c client
	found, err := tx.Get(clientBucket, clientID, &c)
	switch {
	case err != nil:
		return client{}, err
	case !found:
		return client{}, refusal(fmt.Sprintf("Client with clientId '%s' not found", clientID))
	case c.Disabled:
		return client{}, refusal(fmt.Sprintf("Client with clientId '%s' is disabled", clientID))
	case !c.Expires.After(a.clock()):
		return client{}, refusal(fmt.Sprintf("Client with clientId '%s' has expired", clientID))
	default:
		return c, nil
	}
}

// noteUse writes down that the clients were used.
func (a *Auth) noteUse(ctx context.Context, ids []string) error {
	return a.store.Update(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			var c client
			found, err := tx.Get(clientBucket, id, &c)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			c.LastDateUsed = a.clock().UTC()
			if err := tx.Put(clientBucket, id, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// identify finds out who signed the request. now is the services' time, by which credentials
// begin and end; a signature is fresh or not by the machine's time, whatever the services'
// clock is set to.
func identify(request hawk.Request, now time.Time, d directory) (identity, error) {
	signature, err := hawk.Parse(request)
	if err != nil {
		return identity{}, err
	}
	anonymous := []string{"assume:" + anonymousRole}
	if signature == nil {
		held, err := d.expand(anonymous)
		return identity{scopes: held, expires: now.Add(anonymousExpiry)}, err
	}
	ext, err := parseExt(signature.Ext)
	if err != nil {
		return identity{}, err
	}
	issuer := signature.ID
	if ext.Certificate != nil && ext.Certificate.Issuer != "" {
		issuer = ext.Certificate.Issuer
	}
	c, err := d.client(issuer)
	if err != nil {
		return identity{}, err
	}
	key := c.AccessToken
	if ext.Certificate != nil {
		key = ext.Certificate.accessToken(c.AccessToken)
	}
	if err := signature.Verify(key, time.Now(), maxSkew); err != nil {
		return identity{}, err
	}
	id := identity{clientID: signature.ID, expires: c.Expires, hash: signature.Hash}
	if id.scopes, err = d.expand(append(anonymous, c.Scopes...)); err != nil {
		return identity{}, err
	}
	err = ext.limit(&id, c.AccessToken, now, func(held []string) ([]string, error) {
		return d.expand(append(anonymous, held...))
	})
	return id, err
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

// limit narrows the identity of the issuer to what the certificate and authorizedScopes say.
func (e *ext) limit(id *identity, token string, now time.Time, expand func([]string) ([]string, error)) error {
	if c := e.Certificate; c != nil {
		if err := c.check(id.clientID, token, now); err != nil {
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
		if id.scopes, err = expand(c.Scopes); err != nil {
			return err
		}
	}
	if e.AuthorizedScopes == nil {
		return nil
	}
	if missing := scopes.Missing(id.scopes, *e.AuthorizedScopes); missing != nil {
		return refusal(fmt.Sprintf("ext.authorizedScopes oversteps your scopes; missing: %q", missing))
	}
	var err error
	id.scopes, err = expand(*e.AuthorizedScopes)
	return err
}
