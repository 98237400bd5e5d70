package gcp

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/api/compute/v1"

	"github.com/workerkit/workerkit/packer/clouds"
)

// Uses tells which instances have a disk of the image, which instance templates make such disks,
// and with whom outside the project the image is shared. Other projects' machines are not seen.
// Credentials that may not see with whom it is shared are told as a use: it is not known that
// there is none.
func (c *cloud) Uses(ctx context.Context, image clouds.Image) ([]string, error) {
	instances, err := c.instancesOf(ctx, image)
	if err != nil {
		return nil, failed(ctx, "list the disks made of "+image.ID, err)
	}
	templates, err := c.templatesOf(ctx, image)
	if err != nil {
		return nil, failed(ctx, "list the instance templates with "+image.ID, err)
	}
	shares, err := c.shares(ctx, image)
	if err != nil {
		return nil, failed(ctx, "get the IAM policy of "+image.ID, err)
	}
	return slices.Concat(instances, templates, shares), nil
}

// instancesOf lists the instances, running or not, that have a disk of the image.
func (c *cloud) instancesOf(ctx context.Context, image clouds.Image) ([]string, error) {
	var all []string
	filter := fmt.Sprintf("sourceImage eq %q", ".*/global/images/"+image.ID) // the only operator that takes an expression
	err := c.compute.Disks.AggregatedList(c.project).Filter(filter).Pages(ctx, func(page *compute.DiskAggregatedList) error {
		for _, scope := range page.Items {
			for _, disk := range scope.Disks {
				if !c.is(disk.SourceImage, image.ID) {
					continue
				}
				for _, user := range disk.Users {
					all = append(all, "instance "+local(user))
				}
			}
		}
		return nil
	})
	slices.Sort(all)
	return slices.Compact(all), err
}

// templatesOf lists the instance templates, global and regional, that name the image, or a family
// of which it is the newest.
func (c *cloud) templatesOf(ctx context.Context, image clouds.Image) ([]string, error) {
	var all []string
	family := ""
	is, err := c.compute.Images.Get(c.project, image.ID).Context(ctx).Do()
	if err == nil && is.Family != "" {
		newest, err := c.compute.Images.GetFromFamily(c.project, is.Family).Context(ctx).Do()
		switch {
		case err == nil && newest.Name == image.ID:
			family = "family/" + is.Family
		case err != nil && !gone(err): // gone: all images of the family are deprecated
			return nil, err
		}
	} else if err != nil && !gone(err) {
		return nil, err
	}
	err = c.compute.InstanceTemplates.AggregatedList(c.project).Pages(ctx, func(page *compute.InstanceTemplateAggregatedList) error {
		for _, scope := range page.Items {
			for _, t := range scope.InstanceTemplates {
				if t.Properties != nil && slices.ContainsFunc(t.Properties.Disks, func(d *compute.AttachedDisk) bool {
					source := sourceOf(d)
					return c.is(source, image.ID) || family != "" && c.is(source, family)
				}) {
					all = append(all, "instance template "+local(t.SelfLink))
				}
			}
		}
		return nil
	})
	slices.Sort(all)
	return all, err
}

func sourceOf(d *compute.AttachedDisk) string {
	if d.InitializeParams == nil {
		return ""
	}
	return d.InitializeParams.SourceImage
}

// shares lists who may use the image by its own policy and is not of its project.
func (c *cloud) shares(ctx context.Context, image clouds.Image) ([]string, error) {
	policy, err := c.compute.Images.GetIamPolicy(c.project, image.ID).Context(ctx).Do()
	switch {
	case gone(err):
		return nil, nil
	case status(err) == http.StatusForbidden:
		return []string{"perhaps others: the permission compute.images.getIamPolicy is missing to see with whom it is shared"}, nil
	case err != nil:
		return nil, err
	}
	var all []string
	for _, binding := range policy.Bindings {
		for _, member := range binding.Members {
			if !c.own(member) {
				all = append(all, "shared with "+member)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// own tells whether a member of a policy belongs to the project.
func (c *cloud) own(member string) bool {
	kind, name, _ := strings.Cut(member, ":")
	switch kind {
	case "projectOwner", "projectEditor", "projectViewer":
		return name == c.project
	case "serviceAccount":
		return strings.HasSuffix(name, "@"+c.project+".iam.gserviceaccount.com")
	default:
		return false
	}
}

// is tells whether a link is that of an image of the project, in whichever of Google's forms.
func (c *cloud) is(link, image string) bool {
	path := "global/images/" + image
	return link == path || strings.HasSuffix("/"+link, "/"+c.project+"/"+path)
}

// local is a link within its project: "zones/us-central1-a/instances/one".
func local(link string) string {
	_, path, _ := strings.Cut(link, "/projects/")
	if _, rest, ok := strings.Cut(path, "/"); ok {
		return rest
	}
	return link
}
