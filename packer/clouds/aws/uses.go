package aws

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/workerkit/workerkit/packer/clouds"
)

// Uses names the instances of an AMI that are not terminated, the launch templates with a version
// that has it, and the accounts that it is shared with. What the credentials may not look at
// counts as a use, and says which permission is missing. Other services' references (launch
// configurations of Auto Scaling, say) are not looked at.
//
// A region's launch templates are read once in the life of c.
func (c *Cloud) Uses(ctx context.Context, image clouds.Image) ([]string, error) {
	s, err := c.site(image.Region)
	if err != nil {
		return nil, err
	}
	instances, err := s.instances(ctx, filter("image-id", image.ID),
		filter("instance-state-name", "pending", "running", "stopping", "stopped"))
	if err != nil {
		return nil, err
	}
	var uses []string
	for _, i := range instances {
		uses = append(uses, "instance "+aws.ToString(i.InstanceId))
	}
	templates, err := c.templates(ctx, s)
	switch {
	case ctx.Err() != nil:
		return nil, err
	case err != nil:
		uses = append(uses, fmt.Sprintf("perhaps launch templates, which cannot be seen: %v", err))
	default:
		uses = append(uses, templates[image.ID]...)
	}
	shares, err := s.shares(ctx, image.ID)
	return append(uses, shares...), err
}

// instances are those that pass the filters.
func (s site) instances(ctx context.Context, filters ...types.Filter) ([]types.Instance, error) {
	var all []types.Instance
	request := &ec2.DescribeInstancesInput{Filters: filters}
	for pages := ec2.NewDescribeInstancesPaginator(s.api.instances, request); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed(ctx, "DescribeInstances", err)
		}
		for _, r := range page.Reservations {
			all = append(all, r.Instances...)
		}
	}
	return all, nil
}

// shares are those who may launch an AMI besides its owner.
func (s site) shares(ctx context.Context, id string) ([]string, error) {
	reply, err := s.api.imageAttribute(ctx, &ec2.DescribeImageAttributeInput{
		ImageId: aws.String(id), Attribute: types.ImageAttributeNameLaunchPermission,
	})
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(ctx, "DescribeImageAttribute", err)
	}
	var shares []string
	for _, p := range reply.LaunchPermissions {
		for _, with := range []*string{p.UserId, p.OrganizationArn, p.OrganizationalUnitArn} {
			if aws.ToString(with) != "" {
				shares = append(shares, "shared with "+*with)
			}
		}
		if p.Group != "" {
			shares = append(shares, "shared with everyone")
		}
	}
	return shares, nil
}

// templates are the launch templates of a region that use an AMI, by its id. They are read when
// nobody has yet; a failure is not kept.
func (c *Cloud) templates(ctx context.Context, s site) (map[string][]string, error) {
	c.mu.Lock()
	uses, known := c.drawn[s.region]
	c.mu.Unlock()
	if known {
		return uses, nil
	}
	uses, err := s.readTemplates(ctx)
	if err == nil {
		c.mu.Lock()
		c.drawn[s.region] = uses
		c.mu.Unlock()
	}
	return uses, err
}

// readTemplates reads all versions of all launch templates: a group may use any of them. Images
// that are named by a parameter of Systems Manager are resolved.
func (s site) readTemplates(ctx context.Context) (map[string][]string, error) {
	uses := map[string][]string{}
	for all := ec2.NewDescribeLaunchTemplatesPaginator(s.api.launchTemplates, &ec2.DescribeLaunchTemplatesInput{}); all.HasMorePages(); {
		page, err := all.NextPage(ctx)
		if err != nil {
			return nil, s.failed(ctx, "DescribeLaunchTemplates", err)
		}
		for _, t := range page.LaunchTemplates {
			if err := s.readVersions(ctx, t, uses); err != nil {
				return nil, err
			}
		}
	}
	return uses, nil
}

func (s site) readVersions(ctx context.Context, t types.LaunchTemplate, uses map[string][]string) error {
	request := &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: t.LaunchTemplateId, ResolveAlias: aws.Bool(true)}
	for all := ec2.NewDescribeLaunchTemplateVersionsPaginator(s.api.templateVersions, request); all.HasMorePages(); {
		page, err := all.NextPage(ctx)
		if codeOf(err) == "InvalidLaunchTemplateId.NotFound" {
			return nil // deleted since
		}
		if err != nil {
			return s.failed(ctx, "DescribeLaunchTemplateVersions", err)
		}
		for _, v := range page.LaunchTemplateVersions {
			if v.LaunchTemplateData == nil || aws.ToString(v.LaunchTemplateData.ImageId) == "" {
				continue
			}
			id := *v.LaunchTemplateData.ImageId
			uses[id] = append(uses[id], fmt.Sprintf("launch template %s version %d",
				aws.ToString(t.LaunchTemplateName), aws.ToInt64(v.VersionNumber)))
		}
	}
	return nil
}
