package gcp

import (
	"context"
	"fmt"

	"google.golang.org/api/compute/v1"

	"github.com/workerkit/workerkit/packer/clouds"
)

// labelled is the filter for what carries our label.
const labelled = "labels." + clouds.TagName + ":*"

// Images lists the project's images that carry our label. They are global: none has a region.
func (c *cloud) Images(ctx context.Context) ([]clouds.Image, error) {
	var all []clouds.Image
	err := c.compute.Images.List(c.project).Filter(labelled).Pages(ctx, func(page *compute.ImageList) error {
		for _, i := range page.Items {
			if i.Labels[clouds.TagName] == "" {
				continue
			}
			all = append(all, clouds.Image{
				ID: i.Name, Name: i.Name, Image: i.Labels[clouds.TagName],
				Definition: i.Labels[clouds.TagDefinition], Run: i.Labels[clouds.TagRun], Made: made(i.CreationTimestamp),
			})
		}
		return nil
	})
	if err != nil {
		return nil, failed(ctx, "list the images of the project "+c.project, err)
	}
	return all, nil
}

// Delete deletes an image, and waits until that is done. Disks that were made of it stay.
func (c *cloud) Delete(ctx context.Context, image clouds.Image) error {
	err := c.deleteImage(ctx, image)
	if gone(err) {
		return nil
	}
	return failed(ctx, "delete the image "+image.ID, err)
}

func (c *cloud) deleteImage(ctx context.Context, image clouds.Image) error {
	is, err := c.compute.Images.Get(c.project, image.ID).Context(ctx).Do()
	if err != nil {
		return err
	}
	if err := ours(is.Labels, image.Run); err != nil {
		return err
	}
	o, err := c.compute.Images.Delete(c.project, image.ID).Context(ctx).Do()
	for err == nil && o.Status != "DONE" { // one call waits for two minutes at most
		o, err = c.compute.GlobalOperations.Wait(c.project, o.Name).Context(ctx).Do()
	}
	if err != nil {
		return err
	}
	if err := broken(o); err != nil {
		return fmt.Errorf("operation %s: %w", o.Name, err)
	}
	return nil
}
