// Package static is the provider of hardware that somebody else switches on. worker-manager
// has a record of each machine, with a secret that the machine proves itself by.
package static

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/providers"
)

// Kind describes the provider.
func Kind() providers.Kind {
	return providers.Kind{
		Name: "static",
		Fields: []providers.Field{
			{Name: "rootURL", HCL: "root_url", Check: providers.CheckRootURL},
			{Name: "providerID", HCL: "provider_id", Default: "static", Check: providers.CheckIdentifier},
			{Name: "workerPoolID", HCL: "worker_pool_id", Check: providers.CheckPool},
			{Name: "workerGroup", HCL: "worker_group", Check: providers.CheckIdentifier},
			{Name: "workerID", HCL: "worker_id", Check: providers.CheckIdentifier},
			{Name: "staticSecret", HCL: "secret", Secret: true, Check: providers.CheckStaticSecret},
			{Name: "staticSecretFile", HCL: "secret_file", FileFor: "staticSecret"},
			{Name: "workerLocation", HCL: "worker_location", Type: providers.TextMap, Optional: true},
			{Name: "providerMetadata", HCL: "provider_metadata", Type: providers.AnyMap, Optional: true},
		},
		New: newProvider,
	}
}

// Provider is a machine of somebody's own.
type Provider struct {
	identity providers.Identity
	secret   secret.String
}

var _ providers.Provider = (*Provider)(nil)

func newProvider(v providers.Values, _ providers.Deps) providers.Provider {
	location := map[string]string{"cloud": "static"}
	maps.Copy(location, v.TextMap("workerLocation"))
	return &Provider{
		identity: providers.Identity{
			RootURL:      providers.TrimRootURL(v.Text("rootURL")),
			ProviderID:   v.Text("providerID"),
			WorkerPoolID: v.Text("workerPoolID"),
			WorkerGroup:  v.Text("workerGroup"),
			WorkerID:     v.Text("workerID"),
			Location:     location,
			Metadata:     v.AnyMap("providerMetadata"),
		},
		secret: secret.New(v.Text("staticSecret")),
	}
}

// Identify implements providers.Provider.
func (p *Provider) Identify(context.Context) (providers.Identity, error) { return p.identity, nil }

// Proof implements providers.Provider.
func (p *Provider) Proof(context.Context) (json.RawMessage, error) {
	proof, err := json.Marshal(map[string]string{"staticSecret": p.secret.Reveal()})
	if err != nil {
		return nil, fmt.Errorf("static: encode proof: %w", err)
	}
	return proof, nil
}
