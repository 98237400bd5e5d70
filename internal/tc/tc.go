// Package tc is the one door to Taskcluster's API: the calls that the programs make, as
// small interfaces, on the public Go client, with a context for every call, bounded and
// jittered retries, and errors that never carry a request, a response body or a credential.
//
// API reference: https://docs.taskcluster.net/docs/reference
package tc

import (
	"context"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v3"
	"github.com/taskcluster/httpbackoff/v3"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
)

// Credentials are Taskcluster credentials; Certificate is empty for permanent ones.
// The zero value means: call without authentication.
type Credentials struct {
	ClientID    string        `json:"clientId"`
	AccessToken secret.String `json:"accessToken"`
	Certificate secret.String `json:"certificate"`
}

// Source gives the credentials for the next call, so that renewed ones are used at once.
// It must be safe for concurrent use.
type Source func() Credentials

// Fixed is a Source that always gives c.
func Fixed(c Credentials) Source { return func() Credentials { return c } }

// Anonymous is a Source for calls that need no authentication.
func Anonymous() Source { return Fixed(Credentials{}) }

// Client calls the services of one deployment. It is safe for concurrent use.
type Client struct {
	rootURL string
	http    *http.Client
	policy  retry.Policy
	timeout time.Duration
	clock   *clock // shared by all clients that WithPolicy makes
}

// New makes a client of the deployment at rootURL. Failed attempts (no connection, 429, 5xx)
// are repeated by policy; one attempt takes at most two minutes.
func New(rootURL string, client *http.Client, policy retry.Policy) *Client {
	return &Client{rootURL: rootURL, http: client, policy: policy, timeout: 2 * time.Minute, clock: &clock{}}
}

// WithPolicy returns a client that differs only in how it repeats failed attempts.
func (c *Client) WithPolicy(policy retry.Policy) *Client {
	changed := *c
	changed.policy = policy
	return &changed
}

// Policy is how the client repeats failed attempts.
func (c *Client) Policy() retry.Policy { return c.policy }

// RootURL is the root URL of the deployment, as given to New.
func (c *Client) RootURL() string { return c.rootURL }

// once makes one attempt with the public client, whose own retries (which no context ends) are off.
func (c *Client) once(ctx context.Context, service string, source Source, fn func(tcclient.Client) error) error {
	ctx, done := context.WithTimeout(ctx, c.timeout)
	defer done()
	creds := source()
	client := tcclient.Client{
		RootURL:           c.rootURL,
		ServiceName:       service,
		APIVersion:        "v1",
		Credentials:       &tcclient.Credentials{ClientID: creds.ClientID, AccessToken: creds.AccessToken.Reveal(), Certificate: creds.Certificate.Reveal()},
		Authenticate:      creds.ClientID != "",
		HTTPClient:        timed{c.http, c.clock},
		Context:           ctx,
		HTTPBackoffClient: &httpbackoff.Client{BackOffSettings: noRetry()},
	}
	return fn(client)
}

// noRetry is a back-off that is used up from the start, whatever the clock; the library would
// also log every reply that it repeats a call for, with its body.
func noRetry() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.MaxElapsedTime = -1
	return b
}

// call repeats fn by the client's policy and returns a clean error.
func (c *Client) call(ctx context.Context, op, service string, source Source, fn func(tcclient.Client) error) error {
	attempt := func(ctx context.Context) error {
		err := clean(op, c.once(ctx, service, source, fn))
		if err != nil && !Temporary(err) {
			return retry.Permanent(err)
		}
		return err
	}
	return retry.Do(ctx, c.policy, attempt)
}
