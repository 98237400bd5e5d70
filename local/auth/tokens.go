package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/workerkit/workerkit/local/api"
)

// tunnelTokenLife is how long a websocktunnel token is good. It counts from a little before
// now, for a tunnel server whose clock is behind.
const (
	tunnelTokenLife = 36 * time.Hour
	tunnelTokenPast = 15 * time.Minute
)

func (a *Auth) websocktunnelToken(_ context.Context, r *api.Request) (any, error) {
	audience, client := r.Params["wstAudience"], r.Params["wstClient"]
	now := a.clock()
	expires := now.Add(tunnelTokenLife)
	token, err := signJWT(a.tunnelToken.Reveal(), map[string]any{
		"iss": "taskcluster-auth", "sub": r.Caller.ClientID, "aud": audience, "tid": client,
		"iat": now.Unix(), "nbf": now.Add(-tunnelTokenPast).Unix(), "exp": expires.Unix(),
	})
	if err != nil {
		return nil, fmt.Errorf("auth: sign a websocktunnel token: %w", err)
	}
	return map[string]any{"wstAudience": audience, "wstClient": client, "token": token, "expires": stamp(expires)}, nil
}

// signJWT makes a JSON web token that is signed with HMAC SHA-256.
func signJWT(key string, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	base64url := base64.RawURLEncoding.EncodeToString
	text := base64url([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64url(payload)
	return text + "." + base64url(mac(key, text)), nil
}

// sentryDSN gives a DSN that leads back to this server, which drops what is sent there.
func (a *Auth) sentryDSN(_ context.Context, r *api.Request) (any, error) {
	project := r.Params["project"]
	dsn := url.URL{Scheme: "http", User: url.User("public"), Host: r.HTTP.Host, Path: "/sentry/" + project}
	public := dsn.String()
	dsn.User = url.UserPassword("public", "none")
	return map[string]any{
		"project": project, "dsn": map[string]string{"public": public, "secret": dsn.String()},
		"expires": stamp(a.clock().Add(24 * time.Hour)),
	}, nil
}
