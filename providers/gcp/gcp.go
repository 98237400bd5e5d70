// Package gcp is the provider of Google Compute Engine instances.
package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/providers"
)

// upcomingMaintenance is the reason of the one notice that is no more than advice.
const upcomingMaintenance = "upcoming-maintenance"

// proving is how long an attempt to get an identity token may take, which Google makes only when
// it is asked for.
const proving = 15 * time.Second

// Kind describes the provider.
func Kind() providers.Kind {
	return providers.Kind{
		Name:      "google",
		Aliases:   []string{"gcp"},
		Ephemeral: true,
		Fields: []providers.Field{{
			Name: "metadataEndpoint", HCL: "metadata_endpoint", Optional: true,
			Env: "GCE_METADATA_HOST", Check: checkEndpoint,
		}},
		Matches: func(f providers.Facts) bool {
			return f.Vendor == "Google" && f.Product == "Google Compute Engine" // Chromebooks are Google's, too
		},
		Probe:  probe,
		Advice: []string{upcomingMaintenance},
		New:    newProvider,
	}
}

// Provider is a GCE instance. Its Watch keeps what it has seen from call to call.
type Provider struct {
	client  *client
	log     *slog.Logger
	rootURL string // from Identify, for Proof
	watch   watch
}

var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Watcher  = (*Provider)(nil)
)

func newProvider(v providers.Values, d providers.Deps) providers.Provider {
	return &Provider{client: newClient(v.Text("metadataEndpoint"), d.Metadata), log: d.Log}
}

// probe asks for the root of the metadata server, which says whose it is.
func probe(ctx context.Context, v providers.Values, d providers.Deps) error {
	configured := v.Text("metadataEndpoint")
	ctx = toward(imds.Once(ctx), configured)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpointOf(configured).String()+"/", nil)
	if err != nil {
		return fmt.Errorf("gcp: probe: %w", err)
	}
	request.Header.Set("Metadata-Flavor", "Google")
	response, err := d.Metadata.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("gcp: probe: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK || response.Header.Get("Metadata-Flavor") != "Google" {
		return fmt.Errorf("gcp: probe: what answers (%s) is no metadata server of GCE", response.Status)
	}
	return nil
}

// Identify implements providers.Provider. Two calls in parallel tell everything.
func (p *Provider) Identify(ctx context.Context) (providers.Identity, error) {
	var (
		about   instance
		etag    string
		project string
	)
	group, calls := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		about, etag, err = p.client.instance(calls, "")
		return err
	})
	group.Go(func() (err error) {
		project, _, err = p.client.get(calls, "project/project-id")
		return err
	})
	if err := group.Wait(); err != nil {
		return providers.Identity{}, fmt.Errorf("gcp: %w", err)
	}
	if about.Preempted == preempted {
		return providers.Identity{}, fmt.Errorf("gcp: the instance is preempted: %w", providers.ErrLeaving)
	}
	if about.ID == "" || about.Zone == "" {
		return providers.Identity{}, errors.New("gcp: the metadata of the instance lacks its id or zone")
	}
	worker, err := about.taskcluster()
	if err != nil {
		return providers.Identity{}, fmt.Errorf("gcp: %w", err)
	}
	p.rootURL = providers.TrimRootURL(worker.RootURL)
	p.watch.saw(about, etag)
	return identity(about, worker, p.rootURL, project), nil
}

// Proof implements providers.Provider: an identity token for the deployment, fresh at each call.
func (p *Provider) Proof(ctx context.Context) (json.RawMessage, error) {
	if p.rootURL == "" {
		return nil, errors.New("gcp: proof: Identify comes first")
	}
	query := url.Values{"audience": {p.rootURL}, "format": {"full"}}
	token, _, err := p.client.get(imds.Within(ctx, proving), "instance/service-accounts/default/identity?"+query.Encode())
	if errors.Is(err, errNotThere) {
		return nil, fmt.Errorf("gcp: proof: the instance has no service account, and worker-manager knows instances by the tokens of theirs: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("gcp: proof: %w", err)
	}
	return json.Marshal(map[string]string{"token": token})
}
