package tc

import (
	"context"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
)

// ExpandScopes returns all scopes that the given ones amount to, those of the roles that they
// assume among them (auth.expandScopes). It needs no credentials. Errors are *Error.
func (c *Client) ExpandScopes(ctx context.Context, scopes []string) ([]string, error) {
	type set struct {
		Scopes []string `json:"scopes"`
	}
	body := set{Scopes: scopes}
	var reply set
	err := c.call(ctx, "auth.expandScopes", "auth", Anonymous(), func(client tcclient.Client) error {
		reply = set{}
		_, _, err := client.APICall(&body, "POST", "/scopes/expand", &reply, nil)
		return err
	})
	return reply.Scopes, err
}
