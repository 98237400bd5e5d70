package tc

import (
	"context"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcauth"

	"github.com/workerkit/workerkit/internal/secret"
)

// TunnelToken asks for a token by which a client of a websocktunnel server of the audience connects
// to it. It needs the scope auth:websocktunnel-token:<audience>/<client>. It makes one attempt, as
// the caller repeats its own with a fresh token. The error is an *Error.
func (c *Client) TunnelToken(ctx context.Context, source Source, audience, client string) (secret.String, error) {
	var token secret.String
	err := c.single(ctx, "auth.websocktunnelToken", "auth", source, func(caller tcclient.Client) error {
		auth := tcauth.Auth(caller)
		reply, err := auth.WebsocktunnelToken(audience, client)
		if err == nil {
			token = secret.New(reply.Token)
		}
		return err
	})
	return token, err
}
