// Package imds carries the calls of the clouds' instance metadata services: to no proxy, each
// attempt bounded, and repeated after jittered waits while the service is not there yet, too
// busy or broken. All clouds' clients share it; their own retries are off.
package imds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
)

const (
	// attempt is how long one attempt may take unless the call says otherwise.
	attempt = 2 * time.Second
	// largest is the most that is read of a reply: user data has at most 256 KiB.
	largest = 1 << 20
)

// Transport is the http.RoundTripper. It reads each reply whole before it returns it, so that a
// connection that breaks in the middle is repeated too. It is safe for concurrent use.
type Transport struct {
	inner  *http.Transport
	policy retry.Policy
}

// New makes a transport that repeats attempts by policy.
func New(policy retry.Policy) *Transport {
	return &Transport{policy: policy, inner: &http.Transport{
		Proxy:              nil, // no proxy can reach a link-local address of this machine
		DialContext:        (&net.Dialer{Timeout: attempt}).DialContext,
		DisableCompression: true, // signed documents are wanted byte for byte
		IdleConnTimeout:    90 * time.Second,
	}}
}

// Close closes the connections that are not in use.
func (t *Transport) Close() { t.inner.CloseIdleConnections() }

type (
	onceKey   struct{}
	withinKey struct{}
)

// Once makes calls with the context be attempted once: for polls, which come again anyhow, and
// for probes.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

// Within lets each attempt of calls with the context take so long: for GETs that hang until
// something changes, and for services that start up at their first call.
func Within(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, withinKey{}, d)
}

// errBusy is a reply that says to come again.
var errBusy = errors.New("the metadata service is busy or broken")

// RoundTrip implements http.RoundTripper. When the policy's time is up with a reply that says
// to come again, that reply is returned. A request whose body cannot be had again is attempted
// once.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close() //nolint:errcheck // the caller gave it away; nobody could do anything
	}
	policy := t.policy
	if once, _ := r.Context().Value(onceKey{}).(bool); once || !repeatable(r) {
		policy = retry.Policy{Attempts: 1}
	}
	limit, ok := r.Context().Value(withinKey{}).(time.Duration)
	if !ok {
		limit = attempt
	}
	var response *http.Response
	err := retry.Do(r.Context(), policy, func(ctx context.Context) (err error) {
		response, err = t.try(ctx, r, limit) //nolint:bodyclose // it is in memory
		if err == nil && passing(response.StatusCode) {
			return fmt.Errorf("%w: %s", errBusy, response.Status)
		}
		return err
	})
	if err != nil && (!errors.Is(err, errBusy) || r.Context().Err() != nil) {
		return nil, err
	}
	return response, nil
}

// repeatable tells whether the request can be sent more than once.
func repeatable(r *http.Request) bool {
	return r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
}

// passing tells whether a status says to come again. Azure says 410 while it updates the
// service: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
func passing(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusGone || status >= 500
}

// try makes one attempt and reads the reply.
func (t *Transport) try(ctx context.Context, r *http.Request, limit time.Duration) (*http.Response, error) {
	late := fmt.Errorf("the metadata service did not answer within %v: %w", limit, context.DeadlineExceeded)
	ctx, done := context.WithTimeoutCause(ctx, limit, late)
	defer done()
	again := r.Clone(ctx)
	if hosts := Hosts(ctx); len(hosts) > 0 {
		again.URL.Host, again.Host = route(hosts), ""
	}
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, retry.Permanent(err)
		}
		again.Body = body
	}
	response, err := t.inner.RoundTrip(again)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, largest+1))
	err = errors.Join(err, response.Body.Close())
	if err != nil {
		return nil, fmt.Errorf("read the reply of the metadata service: %w", err)
	}
	if len(data) > largest {
		return nil, retry.Permanent(fmt.Errorf("the metadata service's reply is larger than %d bytes", largest))
	}
	response.Body = io.NopCloser(bytes.NewReader(data))
	response.Request = r
	return response, nil
}
