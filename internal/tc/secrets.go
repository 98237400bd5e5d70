package tc

import (
	"context"
	"encoding/json"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcsecrets"
)

// Secrets are the calls to the secrets service. Errors are *Error and do not hold a value.
type Secrets struct {
	client *Client
	source Source
}

// Secrets returns the calls to the secrets service.
func (c *Client) Secrets(source Source) Secrets { return Secrets{c, source} }

// Get returns the value of a secret, a JSON object.
func (s Secrets) Get(ctx context.Context, name string) (json.RawMessage, error) {
	var value json.RawMessage
	err := s.client.call(ctx, "secrets.get", "secrets", s.source, func(c tcclient.Client) error {
		secrets := tcsecrets.Secrets(c)
		reply, err := secrets.Get(name)
		if err == nil {
			value = reply.Secret
		}
		return err
	})
	return value, err
}
