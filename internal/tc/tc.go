// Package tc is the one door to Taskcluster's API: the calls that the programs make, as
// small interfaces, on the public Go client, with a context for every call, bounded and
// jittered retries, and errors that never carry a request, a response body or a credential.
//
// API reference: https://docs.taskcluster.net/docs/reference
package tc

import (
	"context"
	"net"
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
}

// New makes a client of the deployment at rootURL. Failed attempts (no connection, 429, 5xx)
// are repeated by policy; one attempt takes at most two minutes.
func New(rootURL string, client *http.Client, policy retry.Policy) *Client {
	return &Client{rootURL: rootURL, http: client, policy: policy, timeout: 2 * time.Minute}
}

// WithPolicy returns a client that differs only in how it repeats failed attempts.
func (c *Client) WithPolicy(policy retry.Policy) *Client {
	changed := *c
	changed.policy = policy
	return &changed
}

// RootURL is the root URL of the deployment, as given to New.
func (c *Client) RootURL() string { return c.rootURL }

// NewHTTP makes the HTTP client that the programs use for API calls and uploads: proxies
// from the environment, bounded dialling and TLS handshake, redirects not followed.
func NewHTTP() *http.Client {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   15 * time.Second,
			ExpectContinueTimeout: time.Second,
			WriteBufferSize:       64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

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
		HTTPClient:        c.http,
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
