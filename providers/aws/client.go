package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/providers"
)

// Paths are those below /latest/.
const (
	userDataPath  = "user-data"
	documentPath  = "dynamic/instance-identity/document"
	signaturePath = "dynamic/instance-identity/signature"
	metadata      = "meta-data/"
)

// client reads the metadata service, version 2 only. It is safe for concurrent use.
type client struct {
	endpoint  string
	either    []string // hosts, one of which is to be asked in place of the endpoint's; or none
	transport http.RoundTripper
	sdk       *sdk.Client
}

// newClient sets all that the SDK would else take from the environment.
func newClient(v providers.Values, transport http.RoundTripper) *client {
	where, either := endpoint(v)
	return &client{endpoint: where, either: either, transport: transport, sdk: sdk.New(sdk.Options{
		Endpoint:                 where,
		ClientEnableState:        sdk.ClientEnabled,
		EnableFallback:           aws.FalseTernary,
		HTTPClient:               noting{transport},
		Retryer:                  aws.NopRetryer{}, // the transport repeats
		DisableDefaultTimeout:    true,
		DisableDefaultMaxBackoff: true,
	})}
}

// replyError is a reply that is no success.
type replyError struct {
	path   string // below /latest/
	status int
	hint   string
}

// Error implements error.
func (e *replyError) Error() string {
	text := fmt.Sprintf("EC2's metadata service answers %d %s to %s", e.status, http.StatusText(e.status), e.path)
	if e.hint != "" {
		text += ": " + e.hint
	}
	return text
}

// absent tells whether the service has nothing at the path that was asked for.
func absent(err error) bool {
	reply, ok := errors.AsType[*replyError](err)
	return ok && reply.status == http.StatusNotFound && reply.path != tokenPath
}

// get reads what is at a path. A token that is not taken any longer is renewed once.
func (c *client) get(ctx context.Context, path string) ([]byte, error) {
	ctx = imds.Either(ctx, c.either...)
	data, seen, err := c.attempt(ctx, path)
	if seen.status == http.StatusUnauthorized && seen.path != tokenPath {
		data, seen, err = c.attempt(ctx, path) // the SDK has dropped the token
	}
	if err == nil {
		return data, nil
	}
	return nil, c.explain(ctx, seen, path, err)
}

// attempt makes one call, and perhaps one for a token before it.
func (c *client) attempt(ctx context.Context, path string) ([]byte, *note, error) {
	seen := &note{}
	content, err := c.open(context.WithValue(ctx, noteKey{}, seen), path)
	if err != nil {
		return nil, seen, err
	}
	data, err := io.ReadAll(content)
	return data, seen, errors.Join(err, content.Close())
}

// open asks the SDK.
func (c *client) open(ctx context.Context, path string) (io.ReadCloser, error) {
	if path == userDataPath {
		out, err := c.sdk.GetUserData(ctx, &sdk.GetUserDataInput{})
		if err != nil {
			return nil, err
		}
		return out.Content, nil
	}
	if name, ok := strings.CutPrefix(path, "dynamic/"); ok {
		out, err := c.sdk.GetDynamicData(ctx, &sdk.GetDynamicDataInput{Path: name})
		if err != nil {
			return nil, err
		}
		return out.Content, nil
	}
	out, err := c.sdk.GetMetadata(ctx, &sdk.GetMetadataInput{Path: strings.TrimPrefix(path, metadata)})
	if err != nil {
		return nil, err
	}
	return out.Content, nil
}

const tokenPath = "api/token" //nolint:gosec // a path

// note is how the last request of a call ended. The SDK's errors do not always tell.
type note struct {
	path   string // below /latest/
	status int    // 0 when there was no reply
	err    error
}

type noteKey struct{}

// noting is the SDK's HTTP client. It follows no redirects: the metadata service makes none.
type noting struct{ transport http.RoundTripper }

// Do implements the SDK's HTTPClient.
func (n noting) Do(r *http.Request) (*http.Response, error) {
	response, err := n.transport.RoundTrip(r)
	if seen, ok := r.Context().Value(noteKey{}).(*note); ok {
		*seen = note{path: strings.TrimPrefix(r.URL.Path, "/latest/"), err: err}
		if err == nil {
			seen.status = response.StatusCode
		}
	}
	return response, err
}

// errNoToken is in the error of every call that failed for want of a token.
var errNoToken = errors.New("no token of EC2's metadata service")

// explain says what went wrong with a call for path in words that lead to the remedy.
func (c *client) explain(ctx context.Context, seen *note, path string, err error) error {
	token := seen.path == tokenPath
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("read %s of EC2's metadata service: %w", path, context.Cause(ctx))
	case seen.err != nil && token:
		return fmt.Errorf("%w: %w", errNoToken, c.lost(ctx, seen.err))
	case seen.err != nil:
		return fmt.Errorf("read %s of EC2's metadata service: %w", path, seen.err)
	case seen.status == 0 || seen.status == http.StatusOK:
		return fmt.Errorf("read %s of EC2's metadata service: %w", path, err)
	}
	e := &replyError{path: seen.path, status: seen.status}
	switch {
	case seen.status == http.StatusForbidden:
		e.hint = "it is switched off for this instance (HttpEndpoint in the instance's metadata options must be enabled), or a proxy is in between"
	case seen.status == http.StatusUnauthorized && !token:
		e.hint = "it does not take its own token"
	case token && (seen.status == http.StatusNotFound || seen.status == http.StatusMethodNotAllowed):
		e.hint = "what is there gives no tokens, so it is not EC2's, or not its version 2"
	}
	if token {
		return fmt.Errorf("%w: %w", errNoToken, e)
	}
	return e
}

// lost explains why a request for a token got no reply. Where the service answers another
// request, the reply was dropped on its way: it may take fewer hops than any other.
func (c *client) lost(ctx context.Context, err error) error {
	r, bad := http.NewRequestWithContext(imds.Once(ctx), http.MethodGet, c.endpoint+"/latest/meta-data/", nil)
	if bad != nil {
		return errors.Join(err, bad)
	}
	response, gone := c.transport.RoundTrip(r)
	if gone != nil {
		return fmt.Errorf("nothing answers at %s: %w", c.endpoint, err)
	}
	return errors.Join(fmt.Errorf("the service at %s answers, but its reply with the token does not arrive, as in a container or behind a bridge; "+
		"set HttpPutResponseHopLimit in the instance's metadata options to 2 or more: %w", c.endpoint, err), response.Body.Close())
}
