package azure

import (
	"context"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"

	"github.com/workerkit/workerkit/packer/clouds"
)

// The types of images: managed ones, and versions of images in galleries.
const (
	imageType      = "Microsoft.Compute/images"
	definitionType = "Microsoft.Compute/galleries/images"
	versionType    = "Microsoft.Compute/galleries/images/versions"
)

// Images lists the subscription's managed images and versions in galleries that carry our tag. The
// copies of a version in other regions are a part of it, and not listed.
func (c *cloud) Images(ctx context.Context) ([]clouds.Image, error) {
	// Azure tells no tags to whoever asks for one of them: ask for what may be an image.
	only := fmt.Sprintf("resourceType eq '%s' or resourceType eq '%s'", imageType, versionType)
	listed, err := c.list(ctx, only)
	if err != nil {
		return nil, failed(ctx, "list the images of the subscription "+c.subscription, err)
	}
	var all []clouds.Image
	for _, r := range listed {
		if tag(r.Tags, clouds.TagName) == "" || !isImage(of(r.Type)) {
			continue
		}
		all = append(all, clouds.Image{
			Region: of(r.Location), ID: of(r.ID), Name: nameOf(of(r.ID)), Image: tag(r.Tags, clouds.TagName),
			Definition: tag(r.Tags, clouds.TagDefinition), Run: tag(r.Tags, clouds.TagRun), Made: of(r.CreatedTime),
		})
	}
	return all, nil
}

// list lists resources of all types, or those that pass a filter.
func (c *cloud) list(ctx context.Context, filter string) ([]*armresources.GenericResourceExpanded, error) {
	expand := "createdTime"
	options := &armresources.ClientListOptions{Expand: &expand}
	if filter != "" {
		options.Filter = &filter
	}
	var all []*armresources.GenericResourceExpanded
	for pages := c.resources.NewListPager(options); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Value...)
	}
	return all, nil
}

func isImage(kind string) bool {
	return strings.EqualFold(kind, imageType) || strings.EqualFold(kind, versionType)
}

// nameOf is the name of an image for people: "linux-1", or "gallery/linux/1.0.0".
func nameOf(id string) string {
	parsed, err := arm.ParseResourceID(id)
	if err != nil {
		return id
	}
	name := parsed.Name
	for above := parsed.Parent; above != nil && above.ResourceType.Namespace == parsed.ResourceType.Namespace; above = above.Parent {
		name = above.Name + "/" + name
	}
	return name
}

// Delete deletes an image, with its copies in other regions, and waits until that is done.
// Machines that were made of it go on.
func (c *cloud) Delete(ctx context.Context, image clouds.Image) error {
	id, err := arm.ParseResourceID(image.ID)
	if err != nil || !isImage(id.ResourceType.String()) || !strings.EqualFold(id.SubscriptionID, c.subscription) {
		return fmt.Errorf("azure: delete %s: it is no image of the subscription %s", image.ID, c.subscription)
	}
	if strings.EqualFold(id.ResourceType.String(), versionType) {
		err = c.deleteVersion(ctx, id, image.Run)
	} else {
		err = c.deleteImage(ctx, id, image.Run)
	}
	if gone(err) {
		return nil
	}
	return failed(ctx, "delete the image "+image.ID, err)
}

func (c *cloud) deleteImage(ctx context.Context, id *arm.ResourceID, run string) error {
	client := c.compute.NewImagesClient()
	is, err := client.Get(ctx, id.ResourceGroupName, id.Name, nil)
	if err != nil {
		return err
	}
	if err := ours(is.Tags, run); err != nil {
		return err
	}
	deletion, err := client.BeginDelete(ctx, id.ResourceGroupName, id.Name, nil)
	if err != nil {
		return err
	}
	_, err = deletion.PollUntilDone(ctx, polling())
	return err
}

func (c *cloud) deleteVersion(ctx context.Context, id *arm.ResourceID, run string) error {
	client := c.compute.NewGalleryImageVersionsClient()
	definition := id.Parent
	is, err := client.Get(ctx, id.ResourceGroupName, definition.Parent.Name, definition.Name, id.Name, nil)
	if err != nil {
		return err
	}
	if err := ours(is.Tags, run); err != nil {
		return err
	}
	deletion, err := client.BeginDelete(ctx, id.ResourceGroupName, definition.Parent.Name, definition.Name, id.Name, nil)
	if err != nil {
		return err
	}
	_, err = deletion.PollUntilDone(ctx, polling())
	return err
}
