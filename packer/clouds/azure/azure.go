// Package azure is Azure as worker-images sees it: one subscription, by Microsoft's own libraries.
package azure

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"

	"github.com/workerkit/workerkit/packer/clouds"
)

// Options say as whom to call, and for which subscription.
type Options struct {
	Subscription string       // that of the environment variable ARM_SUBSCRIPTION_ID when empty
	HTTP         *http.Client // makes all calls, those for tokens too; the library's own when nil
}

// cloud is one subscription.
type cloud struct {
	subscription string
	compute      *armcompute.ClientFactory
	resources    *armresources.Client
	groups       *armresources.ResourceGroupsClient

	// elsewhere makes clients for a subscription that has a gallery with bases.
	elsewhere func(subscription string) (*armcompute.ClientFactory, error)
}

// howTo says what to do where there are no credentials.
const howTo = "set ARM_CLIENT_ID, ARM_CLIENT_SECRET, ARM_TENANT_ID and ARM_SUBSCRIPTION_ID, as packer has them, or run az login and set ARM_SUBSCRIPTION_ID"

// New finds the credentials in the variables that packer reads, ARM_CLIENT_ID, ARM_CLIENT_SECRET
// and ARM_TENANT_ID; without them where Microsoft's libraries look: the variables AZURE_…, the
// machine's managed identity, `az login`. They are not tried: that there are none, or that they
// are no good, shows as clouds.ErrCredentials, in the first call at the latest. The cloud is one
// subscription.
func New(_ context.Context, o Options) (clouds.Cloud, error) {
	if o.Subscription == "" {
		o.Subscription = os.Getenv("ARM_SUBSCRIPTION_ID")
	}
	if o.Subscription == "" {
		return nil, fmt.Errorf("azure: %w (ARM_SUBSCRIPTION_ID is not set): %s", clouds.ErrCredentials, howTo)
	}
	client := policy.ClientOptions{}
	if o.HTTP != nil {
		client.Transport = o.HTTP
	}
	found, err := credential(client)
	if err != nil {
		return nil, fmt.Errorf("azure: %w", err)
	}
	options := &arm.ClientOptions{ClientOptions: client, DisableRPRegistration: true}
	elsewhere := func(subscription string) (*armcompute.ClientFactory, error) {
		return armcompute.NewClientFactory(subscription, tokens{found}, options)
	}
	compute, err := elsewhere(o.Subscription)
	if err != nil {
		return nil, fmt.Errorf("azure: %w", err)
	}
	resources, err := armresources.NewClientFactory(o.Subscription, tokens{found}, options)
	if err != nil {
		return nil, fmt.Errorf("azure: %w", err)
	}
	c := &cloud{o.Subscription, compute, resources.NewClient(), resources.NewResourceGroupsClient(), elsewhere}
	return clouds.OfFunctions(c.Newest, c.Images, c.Uses, c.Delete, c.Leftovers, c.Remove), nil
}

// credential is packer's, else Microsoft's default.
func credential(client policy.ClientOptions) (azcore.TokenCredential, error) {
	id, secret, tenant := os.Getenv("ARM_CLIENT_ID"), os.Getenv("ARM_CLIENT_SECRET"), os.Getenv("ARM_TENANT_ID")
	if secret == "" { // ARM_CLIENT_ID may name a managed identity, or be for packer's other ways
		found, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: client, TenantID: tenant})
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", clouds.ErrCredentials, howTo, err)
		}
		return found, nil
	}
	var missing []string
	for _, v := range []struct{ name, value string }{{"ARM_CLIENT_ID", id}, {"ARM_TENANT_ID", tenant}} {
		if v.value == "" {
			missing = append(missing, v.name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: ARM_CLIENT_SECRET is set, and not %s: %s", clouds.ErrCredentials, strings.Join(missing, ", "), howTo)
	}
	found, err := azidentity.NewClientSecretCredential(tenant, id, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: client})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", clouds.ErrCredentials, howTo, err)
	}
	return found, nil
}
