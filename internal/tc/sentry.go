package tc

import (
	"context"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcauth"

	"github.com/workerkit/workerkit/internal/secret"
)

// SentryDSN asks where crashes may be reported to, for a project. It needs the scope
// auth:sentry:<project>. The error is an *Error.
func (c *Client) SentryDSN(ctx context.Context, source Source, project string) (secret.String, error) {
	var dsn secret.String
	err := c.call(ctx, "auth.sentryDSN", "auth", source, func(client tcclient.Client) error {
		auth := tcauth.Auth(client)
		reply, err := auth.SentryDSN(project)
		if err == nil {
			dsn = secret.New(reply.Dsn.Secret)
		}
		return err
	})
	return dsn, err
}
