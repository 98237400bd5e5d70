package aws

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
)

// Newest returns the newest AMI that the base's filter finds, as the template's own filter would;
// one that its owner has deprecated is passed over. A base without a filter is its ID.
func (c *Cloud) Newest(ctx context.Context, base packer.Base, arch string) (clouds.Found, error) {
	s, err := c.site(base.Region)
	if err != nil {
		return clouds.Found{}, err
	}
	asked := fmt.Sprintf("%s of %s, %s", base.Filter, base.Owner, arch)
	request := &ec2.DescribeImagesInput{Owners: []string{base.Owner}, Filters: []types.Filter{
		filter("name", base.Filter), filter("architecture", architecture(arch)), filter("state", "available"),
		filter("root-device-type", "ebs"), filter("virtualization-type", "hvm"),
	}}
	if base.Filter == "" {
		asked = base.ID
		request = &ec2.DescribeImagesInput{Filters: []types.Filter{filter("image-id", base.ID)}}
	}
	images, err := s.images(ctx, request)
	if err != nil {
		return clouds.Found{}, err
	}
	now := time.Now()
	images = slices.DeleteFunc(images, func(i types.Image) bool {
		when := at(i.DeprecationTime)
		return base.Filter != "" && !when.IsZero() && when.Before(now)
	})
	if len(images) == 0 {
		return clouds.Found{}, fmt.Errorf("aws: %s: %s: %w", s.region, asked, clouds.ErrNotFound)
	}
	newest := slices.MaxFunc(images, func(a, b types.Image) int {
		return cmp.Or(at(a.CreationDate).Compare(at(b.CreationDate)), cmp.Compare(aws.ToString(a.ImageId), aws.ToString(b.ImageId)))
	})
	return clouds.Found{ID: aws.ToString(newest.ImageId), Name: aws.ToString(newest.Name), Made: at(newest.CreationDate)}, nil
}

// architecture is EC2's word for one of ours.
func architecture(arch string) string {
	if arch == "amd64" {
		return "x86_64"
	}
	return arch
}

// images are all pages of DescribeImages.
func (s site) images(ctx context.Context, request *ec2.DescribeImagesInput) ([]types.Image, error) {
	var all []types.Image
	for pages := ec2.NewDescribeImagesPaginator(s.api.images, request); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed(ctx, "DescribeImages", err)
		}
		all = append(all, page.Images...)
	}
	return all, nil
}

// filter is a filter of a Describe call.
func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// tagged is the filter for what has a tag, whatever its value.
func tagged(key string) types.Filter { return filter("tag-key", key) }

// tag is the value of a tag, "" when there is none.
func tag(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// at is a time as EC2 writes those of images, zero when there is none.
func at(text *string) time.Time {
	when, _ := time.Parse(time.RFC3339, aws.ToString(text))
	return when
}
