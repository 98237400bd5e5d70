package azure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
)

// Uses tells which virtual machines of the subscription were made of the image, which scale sets
// make machines of it, and with whom its gallery is shared. A scale set that names the image in
// the gallery without a version uses the newest one. Machines of other subscriptions are not
// seen, nor roles that are assigned to somebody for the image or its gallery.
func (c *cloud) Uses(ctx context.Context, image clouds.Image) ([]string, error) {
	id, err := arm.ParseResourceID(image.ID)
	if err != nil || !isImage(id.ResourceType.String()) {
		return nil, fmt.Errorf("azure: uses of %s: it is no image", image.ID)
	}
	machines, err := c.machinesOf(ctx, image)
	if err != nil {
		return nil, failed(ctx, "list the virtual machines made of "+image.ID, err)
	}
	sets, err := c.setsOf(ctx, id)
	if err != nil {
		return nil, failed(ctx, "list the scale sets with "+image.ID, err)
	}
	shares, err := c.shares(ctx, id)
	if err != nil {
		return nil, failed(ctx, "get the gallery of "+image.ID, err)
	}
	return slices.Concat(machines, sets, shares), nil
}

func (c *cloud) machinesOf(ctx context.Context, image clouds.Image) ([]string, error) {
	var all []string
	for pages := c.compute.NewVirtualMachinesClient().NewListAllPager(nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range page.Value {
			if p := m.Properties; p != nil && p.StorageProfile != nil && made(p.StorageProfile.ImageReference, image.ID) {
				all = append(all, "virtual machine "+short(of(m.ID)))
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// made tells whether a machine's reference is the image, also when the machine was made of the
// newest version, whichever that was then.
func made(reference *armcompute.ImageReference, image string) bool {
	if reference == nil || reference.ID == nil {
		return false
	}
	id := *reference.ID
	return strings.EqualFold(id, image) || reference.ExactVersion != nil && strings.EqualFold(id+"/versions/"+*reference.ExactVersion, image)
}

func (c *cloud) setsOf(ctx context.Context, image *arm.ResourceID) ([]string, error) {
	names := []string{image.String()}
	if newest, err := c.isNewest(ctx, image); err != nil {
		return nil, err
	} else if newest {
		names = append(names, image.Parent.String())
	}
	var all []string
	for pages := c.compute.NewVirtualMachineScaleSetsClient().NewListAllPager(nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Value {
			reference := model(s)
			if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, reference) }) {
				all = append(all, "scale set "+short(of(s.ID)))
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// model is the id of the image that a scale set makes machines of, "" when it has none.
func model(s *armcompute.VirtualMachineScaleSet) string {
	p := s.Properties
	if p == nil || p.VirtualMachineProfile == nil || p.VirtualMachineProfile.StorageProfile == nil || p.VirtualMachineProfile.StorageProfile.ImageReference == nil {
		return ""
	}
	return of(p.VirtualMachineProfile.StorageProfile.ImageReference.ID)
}

// isNewest tells whether an image is the newest version of an image in a gallery.
func (c *cloud) isNewest(ctx context.Context, image *arm.ResourceID) (bool, error) {
	if !strings.EqualFold(image.ResourceType.String(), versionType) {
		return false, nil
	}
	newest, err := newestVersion(ctx, c.compute, image.Parent, packer.Base{})
	if gone(err) || err == nil && newest == nil {
		return false, nil
	}
	return err == nil && strings.EqualFold(of(newest.Name), image.Name), err
}

// shares lists with whom the gallery of a version is shared.
func (c *cloud) shares(ctx context.Context, image *arm.ResourceID) ([]string, error) {
	if !strings.EqualFold(image.ResourceType.String(), versionType) {
		return nil, nil // a managed image can be shared by roles alone
	}
	gallery := image.Parent.Parent
	is, err := c.compute.NewGalleriesClient().Get(ctx, gallery.ResourceGroupName, gallery.Name,
		&armcompute.GalleriesClientGetOptions{Select: to.Ptr(armcompute.SelectPermissionsPermissions), Expand: to.Ptr(armcompute.GalleryExpandParamsSharingProfileGroups)})
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if is.Properties == nil || is.Properties.SharingProfile == nil {
		return nil, nil
	}
	var all []string
	profile, by := is.Properties.SharingProfile, ", by the gallery "+gallery.Name
	if of(profile.Permissions) == armcompute.GallerySharingPermissionTypesCommunity {
		all = append(all, "shared with everybody"+by)
	}
	for _, g := range profile.Groups {
		for _, who := range g.IDs {
			all = append(all, "shared with "+strings.ToLower(strings.TrimSuffix(string(of(g.Type)), "s"))+" "+of(who)+by)
		}
	}
	slices.Sort(all)
	return all, nil
}

// short is an id within its subscription.
func short(id string) string {
	parsed, err := arm.ParseResourceID(id)
	if err != nil {
		return id
	}
	return parsed.ResourceGroupName + "/" + parsed.Name
}
