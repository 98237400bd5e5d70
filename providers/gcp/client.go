package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloud.google.com/go/compute/metadata"

	"github.com/workerkit/workerkit/internal/imds"
)

// base begins the paths of all metadata.
const base = "/computeMetadata/v1/"

// errNotThere is in the error of metadata that is not defined.
var errNotThere = errors.New("is not set")

// client makes the calls by Google's library.
type client struct{ library *metadata.Client }

func newClient(endpoint string, inner http.RoundTripper) *client {
	return &client{metadata.NewClient(&http.Client{Transport: transport{endpoint, inner}})}
}

// etagKey is the key of the context's *string for the reply's ETag, which the library hides.
type etagKey struct{}

// get returns the metadata at a path, which may have a query, and its ETag.
func (c *client) get(ctx context.Context, path string) (value, etag string, err error) {
	value, err = c.library.GetWithContext(context.WithValue(ctx, etagKey{}, &etag), path)
	name, _, _ := strings.Cut(path, "?") // a query is of no use to readers
	name = strings.TrimSuffix(name, "/")
	if _, ok := errors.AsType[metadata.NotDefinedError](err); ok {
		return "", "", fmt.Errorf("metadata %s %w", name, errNotThere)
	}
	if failed, ok := errors.AsType[*failure](err); ok {
		return "", "", fmt.Errorf("read metadata %s: %w", name, failed.cause)
	}
	if err != nil {
		return "", "", fmt.Errorf("read metadata %s: %w", name, err)
	}
	return value, etag, nil
}

const (
	// hang is how long the server holds a call back while nothing changes.
	hang = time.Minute
	// slack is how much later than that its reply may come.
	slack = 5 * time.Second
)

// instance reads all metadata of the instance with its ETag; once it is not the one with that
// ETag any longer, or after hang, when etag is not "".
func (c *client) instance(ctx context.Context, etag string) (instance, string, error) {
	query := url.Values{"recursive": {"true"}, "alt": {"json"}}
	if etag != "" {
		query.Set("wait_for_change", "true")
		query.Set("last_etag", etag)
		query.Set("timeout_sec", fmt.Sprint(int(hang.Seconds())))
		ctx = imds.Once(imds.Within(ctx, hang+slack)) // the caller comes again
	}
	text, etag, err := c.get(ctx, "instance/?"+query.Encode())
	if err != nil {
		return instance{}, "", err
	}
	var about instance
	if err := json.Unmarshal([]byte(text), &about); err != nil {
		return instance{}, "", errors.New("metadata instance is not the JSON that it should be") // which may hold secrets
	}
	return about, etag, nil
}

// transport sends the library's calls to the endpoint and keeps it from repeating them: that
// is done below, and would be done twice.
type transport struct {
	endpoint string
	inner    http.RoundTripper
}

// failure is why a call failed. It hides its cause from the library, which repeats what it
// thinks will pass.
type failure struct{ cause error }

func (f *failure) Error() string { return f.cause.Error() }

// RoundTrip implements http.RoundTripper. It returns no response but 200 and 404.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	// The library takes the host from the environment, where it may be anything.
	_, path, _ := strings.Cut(r.URL.Path, base)
	again := r.Clone(r.Context())
	again.URL = endpointOf(t.endpoint)
	again.URL.Path, again.URL.RawQuery = base+path, r.URL.RawQuery
	again.Host = ""
	response, err := t.inner.RoundTrip(again.WithContext(toward(r.Context(), t.endpoint)))
	if err != nil {
		return nil, &failure{err}
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
		_ = response.Body.Close()
		return nil, &failure{fmt.Errorf("the metadata server answers %s%s", response.Status, hint(response.StatusCode))}
	}
	if etag, ok := r.Context().Value(etagKey{}).(*string); ok {
		*etag = response.Header.Get("ETag")
	}
	return response, nil
}

// hint says what a status may come from.
func hint(status int) string {
	if status == http.StatusForbidden {
		return ": something between it and this machine, such as a proxy of a container, changes requests or forbids them"
	}
	return ""
}
