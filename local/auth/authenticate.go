package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/internal/scopes"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/auth/hawk"
	"github.com/workerkit/workerkit/local/store"
)

// usedInterval is how old a client's lastDateUsed may grow.
const usedInterval = 6 * time.Hour

// Authenticate implements api.Authenticator.
func (a *Auth) Authenticate(r *http.Request, body []byte) (api.Caller, error) {
	id, err := a.identify(r.Context(), hawk.FromHTTP(r))
	if err == nil && id.signature != nil {
		err = id.signature.VerifyPayload(r.Header.Get("Content-Type"), body)
	}
	if err != nil {
		return api.Caller{}, asFailure(err)
	}
	return api.Caller{ClientID: id.clientID, Scopes: id.scopes, Expires: id.expires}, nil
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
	if wire, ok := errors.AsType[hawk.Error](err); ok {
		return "Unauthorized: " + wire.Error(), true
	}
	if errors.Is(err, scopes.ErrEndless) {
		return "Your scopes cannot be expanded: " + scopes.ErrEndless.Error(), true
	}
	own, ok := errors.AsType[refusal](err)
	return string(own), ok
}

// identify finds out who signed the request, by the stored clients and roles.
func (a *Auth) identify(ctx context.Context, request hawk.Request) (identity, error) {
	now := a.clock()
	id, err := store.Read(ctx, a.store, func(tx *store.Tx) (identity, error) {
		return identify(request, now, directory{
			client: func(id string) (client, error) { return usable(tx, id, now) },
			expand: func(held []string) ([]string, error) { return expand(tx, held) },
		})
	})
	if err == nil && id.signature != nil && now.Sub(id.issuer.LastDateUsed) > usedInterval {
		err = a.noteUse(ctx, id.issuer.ClientID, now)
	}
	return id, err
}

// usable returns a client that may be used now; the error is a refusal when it may not.
func usable(tx *store.Tx, clientID string, now time.Time) (client, error) {
	var c client
	found, err := tx.Get(clientBucket, clientID, &c)
	switch {
	case err != nil:
		return client{}, err
	case !found:
		return client{}, refusal(fmt.Sprintf("Client with clientId '%s' not found", clientID))
	case c.Disabled:
		return client{}, refusal(fmt.Sprintf("Client with clientId '%s' is disabled", clientID))
	case !c.Expires.After(now):
		return client{}, refusal(fmt.Sprintf("Client with clientId '%s' has expired", clientID))
	default:
		return c, nil
	}
}

// noteUse writes down that the client was used.
func (a *Auth) noteUse(ctx context.Context, id string, now time.Time) error {
	return a.store.Update(ctx, func(tx *store.Tx) error {
		var c client
		found, err := tx.Get(clientBucket, id, &c)
		if err != nil || !found {
			return err
		}
		c.LastDateUsed = now.UTC()
		return tx.Put(clientBucket, id, c)
	})
}
