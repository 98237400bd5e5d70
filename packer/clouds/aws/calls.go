package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// calls are all that is asked of EC2. The SDK's client is nowhere but in their closures: where a
// program has reflection (text/template is enough), the linker keeps all methods of a type that
// may get into an interface, and EC2's 800 are 30 MB.
type calls struct {
	images           images
	snapshots        snapshots
	instances        instances
	volumes          volumes
	groups           groups
	launchTemplates  launchTemplates
	templateVersions templateVersions

	imageAttribute  call[ec2.DescribeImageAttributeInput, ec2.DescribeImageAttributeOutput]
	keyPairs        call[ec2.DescribeKeyPairsInput, ec2.DescribeKeyPairsOutput]
	tags            call[ec2.DescribeTagsInput, ec2.DescribeTagsOutput]
	deregisterImage call[ec2.DeregisterImageInput, ec2.DeregisterImageOutput]
	deleteSnapshot  call[ec2.DeleteSnapshotInput, ec2.DeleteSnapshotOutput]
	terminate       call[ec2.TerminateInstancesInput, ec2.TerminateInstancesOutput]
	deleteVolume    call[ec2.DeleteVolumeInput, ec2.DeleteVolumeOutput]
	deleteKeyPair   call[ec2.DeleteKeyPairInput, ec2.DeleteKeyPairOutput]
	deleteGroup     call[ec2.DeleteSecurityGroupInput, ec2.DeleteSecurityGroupOutput]
}

// callsOf are those of a client.
func callsOf(c *ec2.Client) calls {
	return calls{
		c.DescribeImages, c.DescribeSnapshots, c.DescribeInstances, c.DescribeVolumes, c.DescribeSecurityGroups,
		c.DescribeLaunchTemplates, c.DescribeLaunchTemplateVersions,
		c.DescribeImageAttribute, c.DescribeKeyPairs, c.DescribeTags,
		c.DeregisterImage, c.DeleteSnapshot, c.TerminateInstances, c.DeleteVolume, c.DeleteKeyPair, c.DeleteSecurityGroup,
	}
}

// call is one call.
type call[In, Out any] func(context.Context, *In, ...func(*ec2.Options)) (*Out, error)

// Those of which there are pages: the SDK's paginators take an interface of one method.
type (
	images           call[ec2.DescribeImagesInput, ec2.DescribeImagesOutput]
	snapshots        call[ec2.DescribeSnapshotsInput, ec2.DescribeSnapshotsOutput]
	instances        call[ec2.DescribeInstancesInput, ec2.DescribeInstancesOutput]
	volumes          call[ec2.DescribeVolumesInput, ec2.DescribeVolumesOutput]
	groups           call[ec2.DescribeSecurityGroupsInput, ec2.DescribeSecurityGroupsOutput]
	launchTemplates  call[ec2.DescribeLaunchTemplatesInput, ec2.DescribeLaunchTemplatesOutput]
	templateVersions call[ec2.DescribeLaunchTemplateVersionsInput, ec2.DescribeLaunchTemplateVersionsOutput]
)

// DescribeImages implements ec2.DescribeImagesAPIClient.
func (c images) DescribeImages(ctx context.Context, in *ec2.DescribeImagesInput, o ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error) {
	return c(ctx, in, o...)
}

// DescribeSnapshots implements ec2.DescribeSnapshotsAPIClient.
func (c snapshots) DescribeSnapshots(ctx context.Context, in *ec2.DescribeSnapshotsInput, o ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error) {
	return c(ctx, in, o...)
}

// DescribeInstances implements ec2.DescribeInstancesAPIClient.
func (c instances) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, o ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	return c(ctx, in, o...)
}

// DescribeVolumes implements ec2.DescribeVolumesAPIClient.
func (c volumes) DescribeVolumes(ctx context.Context, in *ec2.DescribeVolumesInput, o ...func(*ec2.Options)) (*ec2.DescribeVolumesOutput, error) {
	return c(ctx, in, o...)
}

// DescribeSecurityGroups implements ec2.DescribeSecurityGroupsAPIClient.
func (c groups) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput, o ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	return c(ctx, in, o...)
}

// DescribeLaunchTemplates implements ec2.DescribeLaunchTemplatesAPIClient.
func (c launchTemplates) DescribeLaunchTemplates(ctx context.Context, in *ec2.DescribeLaunchTemplatesInput, o ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplatesOutput, error) {
	return c(ctx, in, o...)
}

// DescribeLaunchTemplateVersions implements ec2.DescribeLaunchTemplateVersionsAPIClient.
func (c templateVersions) DescribeLaunchTemplateVersions(ctx context.Context, in *ec2.DescribeLaunchTemplateVersionsInput, o ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplateVersionsOutput, error) {
	return c(ctx, in, o...)
}
