// Package standalone is the provider of a worker that worker-manager knows nothing of: it
// brings permanent credentials along and does not register. It is for trying things out.
package standalone

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/providers"
)

// name is also the providerId, which nobody registers.
const name = "standalone"

// Kind describes the provider.
func Kind() providers.Kind {
	return providers.Kind{
		Name: name,
		Fields: []providers.Field{
			{Name: "rootURL", HCL: "root_url", Check: providers.CheckRootURL},
			{Name: "clientID", HCL: "client_id"},
			{Name: "accessToken", HCL: "access_token", Secret: true},
			{Name: "accessTokenFile", HCL: "access_token_file", FileFor: "accessToken"},
			{Name: "workerPoolID", HCL: "worker_pool_id", Check: providers.CheckPool},
			{Name: "workerGroup", HCL: "worker_group", Check: providers.CheckIdentifier},
			{Name: "workerID", HCL: "worker_id", Check: providers.CheckIdentifier},
			{Name: "workerLocation", HCL: "worker_location", Type: providers.TextMap, Optional: true},
			{Name: "providerMetadata", HCL: "provider_metadata", Type: providers.AnyMap, Optional: true},
		},
		New: newProvider,
	}
}

// Provider is a machine that brings its own credentials.
type Provider struct {
	identity    providers.Identity
	clientID    string
	accessToken secret.String
}

var (
	_ providers.Provider     = (*Provider)(nil)
	_ providers.Credentialed = (*Provider)(nil)
)

func newProvider(v providers.Values, _ providers.Deps) providers.Provider {
	location := map[string]string{"cloud": name}
	maps.Copy(location, v.TextMap("workerLocation"))
	return &Provider{
		identity: providers.Identity{
			RootURL:      providers.TrimRootURL(v.Text("rootURL")),
			ProviderID:   name,
			WorkerPoolID: v.Text("workerPoolID"),
			WorkerGroup:  v.Text("workerGroup"),
			WorkerID:     v.Text("workerID"),
			Location:     location,
			Metadata:     v.AnyMap("providerMetadata"),
		},
		clientID:    v.Text("clientID"),
		accessToken: secret.New(v.Text("accessToken")),
	}
}

// Identify implements providers.Provider.
func (p *Provider) Identify(context.Context) (providers.Identity, error) { return p.identity, nil }

// Proof implements providers.Provider: there is none.
func (p *Provider) Proof(context.Context) (json.RawMessage, error) { return nil, nil }

// Credentials implements providers.Credentialed.
func (p *Provider) Credentials() (clientID, accessToken string) {
	return p.clientID, p.accessToken.Reveal()
}
