// Package gcp is Google Compute Engine as worker-images sees it: one project of it, by Google's
// own library.
package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/httptransport"
	"google.golang.org/api/compute/v1"
	"google.golang.org/api/option"

	"github.com/workerkit/workerkit/packer/clouds"
)

// Options say as whom to call, and for which project.
type Options struct {
	// Project has the images. When empty it is that of the environment variable
	// GOOGLE_CLOUD_PROJECT, else that which the credentials belong to.
	Project string
	HTTP    *http.Client // makes all calls, those for tokens too; http.DefaultClient when nil
	Log     *slog.Logger // calls that are repeated; discards when nil
}

// cloud is one project.
type cloud struct {
	project string
	compute *compute.Service
}

// howTo says what to do where there are no credentials.
const howTo = "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account's key, or run gcloud auth application-default login"

// New finds the credentials as all of Google's libraries do: the file that the environment
// variable GOOGLE_APPLICATION_CREDENTIALS names, those of `gcloud auth application-default login`,
// the machine's own service account. Without any the error is clouds.ErrCredentials. They are not
// tried: that they are no good shows in the first call. The cloud is one project.
func New(ctx context.Context, o Options) (clouds.Cloud, error) {
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{compute.ComputeScope}, Client: o.HTTP})
	if err != nil {
		return nil, fmt.Errorf("gcp: %w (%w): %s", clouds.ErrCredentials, err, howTo)
	}
	project, err := projectOf(ctx, o.Project, found)
	if err != nil {
		return nil, err
	}
	found.TokenProvider = tokens{found.TokenProvider}
	base := o.HTTP.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	client, err := httptransport.NewClient(&httptransport.Options{
		Credentials: found, BaseRoundTripper: repeater{base, o.Log}, DisableTelemetry: true,
	})
	if err != nil {
		return nil, fmt.Errorf("gcp: %w", err)
	}
	service, err := compute.NewService(ctx, option.WithHTTPClient(client))
	if err != nil {
		return nil, fmt.Errorf("gcp: %w", err)
	}
	c := &cloud{project, service}
	return clouds.OfFunctions(c.Newest, c.Images, c.Uses, c.Delete, c.Leftovers, c.Remove), nil
}

func projectOf(ctx context.Context, project string, found *auth.Credentials) (string, error) {
	if project == "" {
		project = os.Getenv("GOOGLE_CLOUD_PROJECT")
	}
	if project != "" {
		return project, nil
	}
	project, err := found.ProjectID(ctx)
	if err != nil {
		return "", fmt.Errorf("gcp: ask for the project of the credentials: %w", err)
	}
	if project == "" {
		return "", errors.New("gcp: the credentials are of no project: set GOOGLE_CLOUD_PROJECT")
	}
	return project, nil
}

// tokens makes clouds.ErrCredentials of what is wrong with credentials when they are used.
type tokens struct{ auth.TokenProvider }

// Token implements auth.TokenProvider.
func (t tokens) Token(ctx context.Context) (*auth.Token, error) {
	token, err := t.TokenProvider.Token(ctx)
	if err != nil {
		return nil, refusal(err)
	}
	return token, nil
}

// refusal is why Google gives no token, in one line.
func refusal(err error) error {
	reason := err.Error()
	if answer, ok := errors.AsType[*auth.Error](err); ok {
		var said struct {
			Description string `json:"error_description"`
		}
		reason = fmt.Sprintf("status %d", answer.Response.StatusCode)
		if json.Unmarshal(answer.Body, &said) == nil && said.Description != "" {
			reason = said.Description
		}
	}
	return fmt.Errorf("%w that Google takes (%s): %s", clouds.ErrCredentials, reason, howTo)
}
