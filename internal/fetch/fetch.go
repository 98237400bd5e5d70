// Package fetch downloads a content that a task asks for into a file: an artifact, what is behind
// a URL, or a text of the payload itself. A download whose connection is cut goes on where it was,
// its hashes are checked, and its file can be read while it grows.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

// Fetcher downloads contents. It is safe for concurrent use; its fields must not change after the
// first use.
type Fetcher struct {
	// Stall is how long a server may send nothing before the request is made again; a minute.
	Stall time.Duration
	// Now is the time.
	Now func() time.Time

	api    *tc.Client
	http   *http.Client
	policy retry.Policy
}

// New makes a Fetcher that finds artifacts with api and gets the bytes with a client like this one,
// which follows redirects and does not connect to the metadata services of clouds. The policy
// repeats requests for bytes that failed; api has one of its own.
func New(api *tc.Client, client *http.Client, policy retry.Policy) *Fetcher {
	return &Fetcher{Stall: time.Minute, Now: time.Now, api: api, http: guarded(client), policy: policy}
}

// Resolve replaces the namespace of an indexed artifact by the task that is indexed there now. Other
// contents are returned as they are.
func (f *Fetcher) Resolve(ctx context.Context, c Content, as Access) (Content, error) {
	if c.Namespace == "" {
		return c, nil
	}
	taskID, err := f.api.Contents(as.credentials()).Find(ctx, c.Namespace)
	switch {
	case tc.Status(err) == http.StatusNotFound:
		return c, fmt.Errorf("%s: %w: nothing is indexed there: check the namespace, and that the task has not expired", c, err)
	case err != nil:
		return c, fmt.Errorf("%s: %w", c, err)
	}
	c.TaskID, c.Namespace = taskID, ""
	return c, nil
}

// Allowed is an error when whoever asks may not have the content, an artifact of a task. It is for a
// content that is here already and was fetched on behalf of somebody else.
func (f *Fetcher) Allowed(ctx context.Context, c Content, as Access) error {
	_, err := f.artifact(ctx, c, as)
	return err
}

// location is where the bytes of a content are. Its URL may be signed.
type location struct {
	url     string
	found   time.Time
	expires time.Time         // zero: not known
	hashes  map[string]string // that the object service knows
	object  bool
	signed  bool // a fresh URL may do where this one is refused
}

// locate finds where the bytes are. It calls the services again until it succeeds, the error is
// final or their policy's time is up.
func (f *Fetcher) locate(ctx context.Context, c Content, as Access) (location, error) {
	if c.TaskID == "" {
		return location{url: c.URL}, checkURL(c.URL)
	}
	content, err := f.artifact(ctx, c, as)
	if err != nil {
		return location{}, err
	}
	at := location{url: content.URL, found: f.Now(), signed: true}
	if content.StorageType == "object" {
		download, err := f.api.StartDownload(ctx, content)
		if err != nil {
			return location{}, fmt.Errorf("%s: %w", c, err)
		}
		at.url, at.expires, at.hashes, at.object = download.URL, download.Expires, download.Hashes, true
	}
	if err := checkURL(at.url); err != nil {
		return location{}, fmt.Errorf("%s: the service gave no address that can be used: %w", c, err)
	}
	return at, nil
}

// artifact asks the queue for an artifact.
func (f *Fetcher) artifact(ctx context.Context, c Content, as Access) (tc.ArtifactContent, error) {
	content, err := f.api.Contents(as.credentials()).Artifact(ctx, c.TaskID, c.Artifact)
	switch status := tc.Status(err); {
	case status == http.StatusNotFound:
		return content, fmt.Errorf("%s: %w: check the name; it must be of the last run of that task, and not have expired", c, err)
	case status == http.StatusForbidden:
		return content, &deniedError{fmt.Sprintf("%s: the task that wants it needs the scope queue:get-artifact:%s: add it to task.scopes", c, c.Artifact), err}
	case status == http.StatusUnauthorized:
		return content, fmt.Errorf("%s: %w: the task that wants it needs the scope queue:get-artifact:%s", c, err, c.Artifact)
	case err != nil:
		return content, fmt.Errorf("%s: %w", c, err)
	case content.StorageType == "error":
		return content, fmt.Errorf("%s: that task could not make it: %s: %s", c, content.Reason, content.Message)
	}
	return content, nil
}

// checkURL tells whether a URL can be fetched at all.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("the url is none that can be fetched: it must begin with http:// or https:// and a host")
	}
	return nil
}
