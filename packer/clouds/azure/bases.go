package azure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
)

// region is where the marketplace is asked when the base does not say where it is built: that of
// the template.
const region = "eastus"

// latest is the version of a base that has none.
const latest = "latest"

// Newest returns the newest version of an image of the marketplace, as the base's region has it,
// or of an image in a gallery, without versions that are not to be taken for the latest. A base
// with a version of its own is that version.
func (c *cloud) Newest(ctx context.Context, base packer.Base, arch string) (clouds.Found, error) {
	if base.Gallery != "" {
		return c.newestInGallery(ctx, base, arch)
	}
	return c.newestOnMarket(ctx, base, arch)
}

func (c *cloud) newestOnMarket(ctx context.Context, base packer.Base, arch string) (clouds.Found, error) {
	where := base.Region
	if where == "" {
		where = region
	}
	name := strings.Join([]string{base.Publisher, base.Offer, base.SKU}, ":")
	what := name + " in " + where
	client := c.compute.NewVirtualMachineImagesClient()
	answer, err := client.List(ctx, where, base.Publisher, base.Offer, base.SKU, nil)
	if gone(err) {
		return clouds.Found{}, fmt.Errorf("azure: %s: %w", what, clouds.ErrNotFound)
	}
	if err != nil {
		return clouds.Found{}, failed(ctx, "list the versions of "+what, err)
	}
	var versions []string
	for _, v := range answer.VirtualMachineImageResourceArray {
		if name := of(v.Name); wanted(base, name) {
			versions = append(versions, name)
		}
	}
	if len(versions) == 0 {
		return clouds.Found{}, fmt.Errorf("azure: %s has no version%s: %w", what, exactly(base), clouds.ErrNotFound)
	}
	newest := slices.MaxFunc(versions, compare)
	is, err := client.Get(ctx, where, base.Publisher, base.Offer, base.SKU, newest, nil)
	if err != nil {
		return clouds.Found{}, failed(ctx, "get the version "+newest+" of "+what, err)
	}
	if is.Properties != nil {
		if err := fits(what+" "+newest, of(is.Properties.Architecture), arch); err != nil {
			return clouds.Found{}, err
		}
	}
	return clouds.Found{ID: newest, Name: name + ":" + newest}, nil
}

func (c *cloud) newestInGallery(ctx context.Context, base packer.Base, arch string) (clouds.Found, error) {
	id, err := arm.ParseResourceID(base.Gallery)
	if err == nil && strings.EqualFold(id.ResourceType.String(), versionType) {
		base.Version, id = id.Name, id.Parent
	}
	if err != nil || !strings.EqualFold(id.ResourceType.String(), definitionType) {
		return clouds.Found{}, fmt.Errorf("azure: %q is no id of an image in a gallery", base.Gallery)
	}
	compute, err := c.elsewhere(id.SubscriptionID)
	if err != nil {
		return clouds.Found{}, fmt.Errorf("azure: %w", err)
	}
	is, err := compute.NewGalleryImagesClient().Get(ctx, id.ResourceGroupName, id.Parent.Name, id.Name, nil)
	if gone(err) {
		return clouds.Found{}, fmt.Errorf("azure: %s: %w", id, clouds.ErrNotFound)
	}
	if err != nil {
		return clouds.Found{}, failed(ctx, "get "+id.String(), err)
	}
	if is.Properties != nil {
		if err := fits(id.String(), armcompute.ArchitectureTypes(of(is.Properties.Architecture)), arch); err != nil {
			return clouds.Found{}, err
		}
	}
	newest, err := newestVersion(ctx, compute, id, base)
	if err != nil {
		return clouds.Found{}, failed(ctx, "list the versions of "+id.String(), err)
	}
	if newest == nil {
		return clouds.Found{}, fmt.Errorf("azure: %s has no version%s: %w", id, exactly(base), clouds.ErrNotFound)
	}
	version := of(newest.Name)
	found := clouds.Found{ID: version, Name: id.Parent.Name + "/" + id.Name + "/" + version}
	if p := newest.Properties; p.PublishingProfile != nil {
		found.Made = of(p.PublishingProfile.PublishedDate)
	}
	return found, nil
}

// newestVersion is the newest of those versions of an image in a gallery that the base may be, nil
// when there is none.
func newestVersion(ctx context.Context, compute *armcompute.ClientFactory, image *arm.ResourceID, base packer.Base) (*armcompute.GalleryImageVersion, error) {
	var newest *armcompute.GalleryImageVersion
	pages := compute.NewGalleryImageVersionsClient().NewListByGalleryImagePager(image.ResourceGroupName, image.Parent.Name, image.Name, nil)
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Value {
			p := v.Properties
			if p == nil || of(p.ProvisioningState) != armcompute.GalleryProvisioningStateSucceeded || !wanted(base, of(v.Name)) {
				continue
			}
			if exactly(base) == "" && p.PublishingProfile != nil && of(p.PublishingProfile.ExcludeFromLatest) {
				continue
			}
			if newest == nil || compare(of(v.Name), of(newest.Name)) > 0 {
				newest = v
			}
		}
	}
	return newest, nil
}

// wanted tells whether the base may be a version.
func wanted(base packer.Base, version string) bool {
	return base.Version == "" || base.Version == latest || base.Version == version
}

// exactly is the one version that the base must be, with a blank before it, "" when it may be any.
func exactly(base packer.Base) string {
	if wanted(base, "") {
		return ""
	}
	return " " + base.Version
}

// fits is clouds.ErrNotFound when an image is known to be for another architecture.
func fits(what string, is armcompute.ArchitectureTypes, arch string) error {
	words := map[armcompute.ArchitectureTypes]string{armcompute.ArchitectureTypesX64: "amd64", armcompute.ArchitectureTypesArm64: "arm64"}
	if has := words[is]; has != "" && has != arch {
		return fmt.Errorf("azure: %s is for %s; for %s: %w", what, has, arch, clouds.ErrNotFound)
	}
	return nil
}
