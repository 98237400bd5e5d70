package azure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"

	"github.com/workerkit/workerkit/packer/clouds"
)

// kindGroup is a resource group with all that is in it.
const kindGroup = "resource group"

// groupPrefix begins the name of the group that packer makes for a build. No other group is ever
// removed, whatever its tags.
const groupPrefix = "pkr-Resource-Group-"

// kind is something that packer makes in a group that it is told to use.
type kind struct{ name, resource, version string }

// kinds are in the order in which they can be removed, with the version of the API to call.
func kinds() []kind {
	return []kind{
		{"virtual machine", "Microsoft.Compute/virtualMachines", "2024-07-01"},
		{"network interface", "Microsoft.Network/networkInterfaces", "2024-05-01"},
		{"disk", "Microsoft.Compute/disks", "2024-03-02"},
		{"snapshot", "Microsoft.Compute/snapshots", "2024-03-02"},
		{"public address", "Microsoft.Network/publicIPAddresses", "2024-05-01"},
		{"network", "Microsoft.Network/virtualNetworks", "2024-05-01"},
		{"security group", "Microsoft.Network/networkSecurityGroups", "2024-05-01"},
		{"key vault", "Microsoft.KeyVault/vaults", "2023-07-01"},
	}
}

// Leftovers lists the groups that packer made for its builds, and what it made in other groups.
func (c *cloud) Leftovers(ctx context.Context) ([]clouds.Resource, error) {
	groups, err := c.groupsLeft(ctx)
	if err != nil {
		return nil, failed(ctx, "list the resource groups of the subscription "+c.subscription, err)
	}
	listed, err := c.list(ctx, "")
	if err != nil {
		return nil, failed(ctx, "list the resources of the subscription "+c.subscription, err)
	}
	date(groups, listed)
	all := groups
	for _, k := range kinds() {
		for _, r := range listed {
			if !strings.EqualFold(of(r.Type), k.resource) || tag(r.Tags, clouds.TagName) == "" || tag(r.Tags, clouds.TagRun) == "" {
				continue
			}
			if !slices.ContainsFunc(groups, func(g clouds.Resource) bool { return in(g, r) }) {
				all = append(all, clouds.Resource{
					Kind: k.name, Region: of(r.Location), ID: of(r.ID), Run: tag(r.Tags, clouds.TagRun), Made: of(r.CreatedTime),
				})
			}
		}
	}
	return all, nil
}

// in tells whether a resource is in a group.
func in(group clouds.Resource, r *armresources.GenericResourceExpanded) bool {
	prefix, id := group.ID+"/", of(r.ID)
	return len(id) > len(prefix) && strings.EqualFold(id[:len(prefix)], prefix)
}

// date gives the groups the time of the youngest resource in them: Azure does not tell when a group
// was made, and a build that goes on makes more. An empty one has none.
func date(groups []clouds.Resource, listed []*armresources.GenericResourceExpanded) {
	for i := range groups {
		g := &groups[i]
		for _, r := range listed {
			if at := of(r.CreatedTime); in(*g, r) && at.After(g.Made) {
				g.Made = at
			}
		}
	}
}

// groupsLeft are the groups of builds.
func (c *cloud) groupsLeft(ctx context.Context) ([]clouds.Resource, error) {
	var all []clouds.Resource
	for pages := c.groups.NewListPager(nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.Value {
			if run := tag(g.Tags, clouds.TagRun); packers(of(g.Name)) && tag(g.Tags, clouds.TagName) != "" && run != "" {
				all = append(all, clouds.Resource{Kind: kindGroup, Region: of(g.Location), ID: of(g.ID), Run: run})
			}
		}
	}
	return all, nil
}

// packers tells by its name whether packer has made a group.
func packers(group string) bool {
	return len(group) > len(groupPrefix) && strings.EqualFold(group[:len(groupPrefix)], groupPrefix)
}

// Remove removes a group with all that is in it, without waiting for the end of that, or a single
// resource, until it is gone: others need it gone to be removed.
func (c *cloud) Remove(ctx context.Context, r clouds.Resource) error {
	id, err := arm.ParseResourceID(r.ID)
	if err != nil || !strings.EqualFold(id.SubscriptionID, c.subscription) {
		return fmt.Errorf("azure: remove %s: it is no resource of the subscription %s", r.ID, c.subscription)
	}
	kinds := kinds()
	i := slices.IndexFunc(kinds, func(k kind) bool { return strings.EqualFold(k.resource, id.ResourceType.String()) })
	switch {
	case strings.EqualFold(id.ResourceType.String(), arm.ResourceGroupResourceType.String()):
		err = c.removeGroup(ctx, id, r.Run)
	case i >= 0:
		err = c.removeResource(ctx, id, kinds[i], r.Run)
	default:
		return fmt.Errorf("azure: remove %s: builds leave nothing of the type %s", r.ID, id.ResourceType)
	}
	if gone(err) {
		return nil
	}
	return failed(ctx, "remove "+r.ID, err)
}

func (c *cloud) removeGroup(ctx context.Context, id *arm.ResourceID, run string) error {
	if !packers(id.Name) {
		return fmt.Errorf("its name does not begin with %s: packer has not made it", groupPrefix)
	}
	is, err := c.groups.Get(ctx, id.Name, nil)
	if err != nil {
		return err
	}
	if err := ours(is.Tags, run); err != nil {
		return err
	}
	_, err = c.groups.BeginDelete(ctx, id.Name, nil)
	return err
}

func (c *cloud) removeResource(ctx context.Context, id *arm.ResourceID, k kind, run string) error {
	path := strings.TrimPrefix(id.String(), "/") // the library adds one
	is, err := c.resources.GetByID(ctx, path, k.version, nil)
	if err != nil {
		return err
	}
	if err := ours(is.Tags, run); err != nil {
		return err
	}
	deletion, err := c.resources.BeginDeleteByID(ctx, path, k.version, nil)
	if err != nil {
		return err
	}
	_, err = deletion.PollUntilDone(ctx, polling())
	return err
}

// polling asks for the state of a deletion more often than the library would.
func polling() *runtime.PollUntilDoneOptions {
	return &runtime.PollUntilDoneOptions{Frequency: 5 * time.Second}
}
