package auth

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/internal/scopes"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/auth/hawk"
	"github.com/workerkit/workerkit/local/store"
)

// scopeset is the body of calls about scopes.
type scopeset struct {
	Scopes []string `json:"scopes"`
}

func (a *Auth) expandScopes(ctx context.Context, r *api.Request) (any, error) {
	var set scopeset
	if err := r.Decode(&set); err != nil {
		return nil, err
	}
	err := a.store.View(ctx, func(tx *store.Tx) error {
		var err error
		set.Scopes, err = expand(tx, set.Scopes)
		return err
	})
	return set, err
}

func currentScopes(_ context.Context, r *api.Request) (any, error) {
	return scopeset{Scopes: r.Caller.Scopes}, nil
}

// authenticateHawk answers for services that cannot check signatures themselves.
func (a *Auth) authenticateHawk(ctx context.Context, r *api.Request) (any, error) {
	var body struct {
		Method        string `json:"method"`
		Resource      string `json:"resource"`
		Host          string `json:"host"`
		Port          int    `json:"port"`
		Authorization string `json:"authorization"`
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	id, err := a.identify(ctx, hawk.Request{
		Method: strings.ToUpper(body.Method), Resource: body.Resource, Host: strings.ToLower(body.Host),
		Port: strconv.Itoa(body.Port), Authorization: body.Authorization,
	})
	if message, ok := refused(err); ok {
		return map[string]any{"status": "auth-failed", "message": message}, nil
	}
	if err != nil {
		return nil, err
	}
	reply := map[string]any{"status": "no-auth", "scheme": "none", "scopes": id.scopes, "expires": stamp(id.expires)}
	if id.clientID != "" {
		reply["status"], reply["scheme"], reply["clientId"] = "auth-success", "hawk", id.clientID
	}
	if id.signature != nil && id.signature.Hash != "" {
		reply["hash"] = id.signature.Hash
	}
	return reply, nil
}

func (a *Auth) testAuthenticate(_ context.Context, r *api.Request) (any, error) {
	var body struct {
		ClientScopes   []string `json:"clientScopes"`
		RequiredScopes []string `json:"requiredScopes"`
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	return a.authenticateTester(r, body.ClientScopes, body.RequiredScopes)
}

func (a *Auth) testAuthenticateGet(_ context.Context, r *api.Request) (any, error) {
	return a.authenticateTester(r, []string{"test:*", "auth:create-client:test:*"}, []string{"test:authenticate-get"})
}

// authenticateTester checks a request of the client "tester", whose token is public and which
// only has the scopes given here. Roles add nothing to them.
func (a *Auth) authenticateTester(r *api.Request, held, required []string) (any, error) {
	now := a.clock()
	id, err := identify(hawk.FromHTTP(r.HTTP), now, directory{
		client: func(id string) (client, error) {
			if id != "tester" {
				return client{}, refusal(fmt.Sprintf("Client with clientId '%s' not found", id))
			}
			return client{ClientID: id, AccessToken: "no-secret", Scopes: held, Expires: now.Add(anonymousExpiry)}, nil
		},
		expand: func(held []string) ([]string, error) { return scopes.Normalize(held), nil },
	})
	if err != nil {
		return nil, asFailure(err)
	}
	if id.clientID == "" {
		return nil, asFailure(refusal("No credentials were sent"))
	}
	if missing := scopes.Missing(id.scopes, required); missing != nil {
		return nil, api.Forbidden("Client ID %s does not have sufficient scopes and is missing the following scopes:\n\n```\n%s\n```",
			id.clientID, strings.Join(missing, "\n"))
	}
	return map[string]any{"clientId": id.clientID, "scopes": id.scopes}, nil
}
