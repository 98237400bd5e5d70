// Package azure is the provider of Azure virtual machines: their metadata service says who a
// machine is, proves it with a signed document, and announces scheduled events.
package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/providers"
)

const (
	defaultEndpoint = "http://169.254.169.254"

	// assetTag is the same on every Azure machine. Vendor and product are those of any
	// Hyper-V machine.
	assetTag = "7783-7084-3265-9085-8269-3286-77"

	// signing is how long an attempt to get an attested document may take, which Azure signs only
	// when it is asked for.
	signing = 15 * time.Second

	endpointField    = "metadataEndpoint"
	acknowledgeField = "acknowledgeEvents"
)

// Kind describes the provider.
func Kind() providers.Kind {
	return providers.Kind{
		Name:      "azure",
		Ephemeral: true,
		Fields: []providers.Field{
			{
				Name: endpointField, HCL: "metadata_endpoint", Env: "AZURE_METADATA_ENDPOINT",
				Default: defaultEndpoint, Optional: true, Check: providers.CheckEndpoint,
			},
			{Name: acknowledgeField, HCL: "acknowledge_events", Type: providers.Flag, Optional: true},
		},
		Matches: func(f providers.Facts) bool { return strings.TrimSpace(f.AssetTag) == assetTag },
		Probe:   probe,
		New:     newProvider,
	}
}

// Provider is one virtual machine.
type Provider struct {
	log         *slog.Logger
	service     service
	acknowledge bool
	vm          string // its name, as events have it
	watch       watch
}

var _ providers.Acknowledger = (*Provider)(nil)

func newProvider(v providers.Values, d providers.Deps) providers.Provider {
	return &Provider{log: d.Log, service: newService(v, d), acknowledge: v.Flag(acknowledgeField)}
}

// probe asks for the list of versions, which no other cloud's service has.
func probe(ctx context.Context, v providers.Values, d providers.Deps) error {
	var reply struct {
		APIVersions []string `json:"apiVersions"`
	}
	if err := newService(v, d).getJSON(imds.Once(ctx), versionsPath, &reply); err != nil {
		return fmt.Errorf("azure: %w", err)
	}
	if len(reply.APIVersions) == 0 {
		return errors.New("azure: the metadata service lists no versions")
	}
	return nil
}

// Identify implements providers.Provider.
func (p *Provider) Identify(ctx context.Context) (providers.Identity, error) {
	var i instance
	if err := p.service.getJSON(ctx, instancePath, &i); err != nil {
		return providers.Identity{}, fmt.Errorf("azure: read who the machine is: %w", err)
	}
	id, err := i.identity()
	if err != nil {
		return providers.Identity{}, fmt.Errorf("azure: %w", err)
	}
	p.vm = id.WorkerID
	return id, nil
}

// Proof implements providers.Provider. No nonce is sent: worker-manager has none to compare
// with, and goes by the time at which the document expires.
func (p *Provider) Proof(ctx context.Context) (json.RawMessage, error) {
	var document struct {
		Encoding  string `json:"encoding"`
		Signature string `json:"signature"`
	}
	if err := p.service.getJSON(imds.Within(ctx, signing), documentPath, &document); err != nil {
		return nil, fmt.Errorf("azure: read the attested document: %w", err)
	}
	if document.Encoding != "pkcs7" || document.Signature == "" {
		return nil, fmt.Errorf("azure: the attested document has the encoding %q and %d characters; worker-manager needs pkcs7",
			document.Encoding, len(document.Signature))
	}
	proof, err := json.Marshal(map[string]string{"document": document.Signature})
	if err != nil {
		return nil, fmt.Errorf("azure: encode proof: %w", err)
	}
	return proof, nil
}

func endpoint(v providers.Values) string {
	return providers.TrimRootURL(cmp.Or(v.Text(endpointField), defaultEndpoint))
}
