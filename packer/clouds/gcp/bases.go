package gcp

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/api/compute/v1"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
)

// Newest returns the image that is newest in the base's family, of those that are not deprecated.
// A base without a family is the one image that its ID names.
func (c *cloud) Newest(ctx context.Context, base packer.Base, arch string) (clouds.Found, error) {
	var image *compute.Image
	var err error
	project, what := base.Project, "family "+base.Family
	if project == "" {
		project = c.project
	}
	if base.Family == "" {
		what = "image " + base.ID
		image, err = c.compute.Images.Get(project, base.ID).Context(ctx).Do()
	} else {
		image, err = c.compute.Images.GetFromFamily(project, base.Family).Context(ctx).Do()
	}
	switch {
	case gone(err):
		return clouds.Found{}, fmt.Errorf("gcp: %s of the project %s: %w", what, project, clouds.ErrNotFound)
	case err != nil:
		return clouds.Found{}, failed(ctx, "get the "+what+" of the project "+project, err)
	}
	if is := architecture(image); is != "" && is != arch {
		return clouds.Found{}, fmt.Errorf("gcp: %s of the project %s is for %s (%s); for %s: %w",
			what, project, is, image.Name, arch, clouds.ErrNotFound)
	}
	return clouds.Found{ID: image.Name, Name: image.Name, Made: made(image.CreationTimestamp)}, nil
}

// architecture is that of an image in our words, "" where Google does not tell.
func architecture(image *compute.Image) string {
	switch image.Architecture {
	case "X86_64":
		return "amd64"
	case "ARM64":
		return "arm64"
	default:
		return ""
	}
}

// made is a time as Google writes it, zero where it is none.
func made(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at
}
