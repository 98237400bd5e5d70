// Package aws is the provider of EC2 instances. Who the machine is stands in the user data that
// worker-manager gives it and in its instance identity document, whose signature is the proof.
//
// The words of its notices:
//
//	spot-terminate, spot-stop,      EC2 takes the spot instance back at the deadline; Termination
//	spot-hibernate
//	spot-interruption               the same, with an action that is not one of these three
//	rebalance-recommendation        the spot instance is likely to be taken back; Advice
//	scheduled-maintenance           Resource is EC2's code, such as instance-retirement; Advice
package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/providers"
)

// Kind describes the provider.
func Kind() providers.Kind {
	return providers.Kind{
		Name: "aws",
		Fields: []providers.Field{
			{
				Name: "metadataEndpoint", HCL: "metadata_endpoint", Optional: true,
				Env: "AWS_EC2_METADATA_SERVICE_ENDPOINT", Check: providers.CheckEndpoint,
			},
			{
				Name: "metadataEndpointMode", HCL: "metadata_endpoint_mode", Optional: true,
				Env: "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", Check: checkMode,
			},
		},
		Ephemeral: true,
		Matches:   matches,
		Probe:     probe,
		Advice:    []string{rebalance, scheduled},
		New:       newProvider,
	}
}

// matches tells EC2's machines from all others. The older ones are Xen's guests, which only the
// version of the firmware tells from other Xen guests.
func matches(f providers.Facts) bool {
	const maker = "Amazon EC2"
	return f.Vendor == maker || f.BIOSVendor == maker ||
		(f.BIOSVendor == "Xen" && strings.HasSuffix(f.BIOSVersion, ".amazon"))
}

func checkMode(text string) error {
	if strings.EqualFold(text, "IPv4") || strings.EqualFold(text, "IPv6") {
		return nil
	}
	return errors.New("it must be IPv4 or IPv6")
}

// The addresses of the metadata service.
const (
	host4 = "169.254.169.254"
	host6 = "[fd00:ec2::254]"
)

// endpoint says where the metadata service is: at the URL or, where nobody has said so, at either
// of the hosts. Machines in IPv6-only networks have no route to the first.
func endpoint(v providers.Values) (where string, either []string) {
	given, mode := strings.TrimRight(v.Text("metadataEndpoint"), "/"), v.Text("metadataEndpointMode")
	switch {
	case given != "":
		return given, nil
	case strings.EqualFold(mode, "IPv6"):
		return "http://" + host6, nil
	case strings.EqualFold(mode, "IPv4"):
		return "http://" + host4, nil
	default:
		return "http://" + host4, []string{host4, host6}
	}
}

// probe asks for an identity document. What other clouds have at the same address has none.
func probe(ctx context.Context, v providers.Values, d providers.Deps) error {
	data, err := newClient(v, d.Metadata).get(imds.Once(ctx), documentPath)
	if err == nil {
		_, err = decodeDocument(data)
	}
	if err != nil {
		return fmt.Errorf("aws: probe: %w", err)
	}
	return nil
}

// Provider is an EC2 instance.
type Provider struct {
	log    *slog.Logger
	client *client
	watch  watch
}

var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Watcher  = (*Provider)(nil)
)

func newProvider(v providers.Values, d providers.Deps) providers.Provider {
	return &Provider{log: d.Log, client: newClient(v, d.Metadata), watch: watch{said: map[string]bool{}}}
}

// Proof implements providers.Provider: {document, signature}, as the service gives them.
func (p *Provider) Proof(ctx context.Context) (json.RawMessage, error) {
	var proof struct {
		Document  string `json:"document"`
		Signature string `json:"signature"`
	}
	g, ctx := errgroup.WithContext(ctx)
	for path, into := range map[string]*string{documentPath: &proof.Document, signaturePath: &proof.Signature} {
		g.Go(func() error {
			data, err := p.client.get(ctx, path)
			*into = string(data)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("aws: proof: %w", err)
	}
	data, err := json.Marshal(proof)
	if err != nil {
		return nil, fmt.Errorf("aws: encode the proof: %w", err)
	}
	return data, nil
}
