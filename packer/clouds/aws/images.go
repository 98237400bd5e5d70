package aws

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/workerkit/workerkit/packer/clouds"
)

// Images lists the account's AMIs with our tag in all regions of the options.
func (c *Cloud) Images(ctx context.Context) ([]clouds.Image, error) {
	return everywhere(ctx, c, func(ctx context.Context, s site) ([]clouds.Image, error) {
		found, err := s.own(ctx, tagged(clouds.TagName))
		var all []clouds.Image
		for _, i := range found {
			all = append(all, clouds.Image{
				Region: s.region, ID: aws.ToString(i.ImageId), Name: aws.ToString(i.Name), Made: at(i.CreationDate),
				Image: tag(i.Tags, clouds.TagName), Definition: tag(i.Tags, clouds.TagDefinition), Run: tag(i.Tags, clouds.TagRun),
			})
		}
		return all, err
	})
}

// own are the account's own AMIs that pass the filters, deprecated ones too.
func (s site) own(ctx context.Context, filters ...types.Filter) ([]types.Image, error) {
	return s.images(ctx, &ec2.DescribeImagesInput{Owners: []string{"self"}, IncludeDeprecated: aws.Bool(true), Filters: filters})
}

// Delete deregisters an AMI, and deletes its snapshots that have our tag and are in no other.
// What is left when a snapshot cannot be deleted is a leftover.
func (c *Cloud) Delete(ctx context.Context, image clouds.Image) error {
	s, err := c.site(image.Region)
	if err != nil {
		return err
	}
	found, err := s.own(ctx, filter("image-id", image.ID))
	if err != nil || len(found) == 0 {
		return err
	}
	if tag(found[0].Tags, clouds.TagName) == "" {
		return fmt.Errorf("aws: %s: %s is not ours: it has no tag %s", s.region, image.ID, clouds.TagName)
	}
	if _, err := s.api.deregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: aws.String(image.ID)}); err != nil && !gone(err) {
		return s.failed(ctx, "DeregisterImage", err)
	}
	for _, id := range snapshotsOf(found[0]) {
		if err := c.deleteOwnSnapshot(ctx, s, id); err != nil {
			return fmt.Errorf("%w (the image %s itself is deleted; its snapshot %s is left)", err, image.ID, id)
		}
	}
	return nil
}

// snapshotsOf are the ids of the snapshots in an AMI.
func snapshotsOf(i types.Image) []string {
	var ids []string
	for _, m := range i.BlockDeviceMappings {
		if m.Ebs != nil && aws.ToString(m.Ebs.SnapshotId) != "" {
			ids = append(ids, *m.Ebs.SnapshotId)
		}
	}
	return ids
}

// deleteOwnSnapshot deletes a snapshot, unless it has not our tag or is in another AMI.
func (c *Cloud) deleteOwnSnapshot(ctx context.Context, s site, id string) error {
	ours, err := s.snapshots(ctx, filter("snapshot-id", id), tagged(clouds.TagName))
	if err != nil {
		return err
	}
	users, err := s.own(ctx, filter("block-device-mapping.snapshot-id", id))
	if err != nil {
		return err
	}
	if len(ours) == 0 || len(users) > 0 {
		c.options.Log.Info("a snapshot is left", slog.String("region", s.region), slog.String("snapshot", id),
			slog.Bool("tagged", len(ours) > 0), slog.Int("images", len(users)))
		return nil
	}
	return s.deleteSnapshot(ctx, id)
}

func (s site) deleteSnapshot(ctx context.Context, id string) error {
	_, err := s.api.deleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: aws.String(id)})
	if gone(err) {
		return nil
	}
	return s.failed(ctx, "DeleteSnapshot", err)
}

// snapshots are the account's own ones that pass the filters.
func (s site) snapshots(ctx context.Context, filters ...types.Filter) ([]types.Snapshot, error) {
	var all []types.Snapshot
	request := &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: filters}
	for pages := ec2.NewDescribeSnapshotsPaginator(s.api.snapshots, request); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed(ctx, "DescribeSnapshots", err)
		}
		all = append(all, page.Snapshots...)
	}
	return all, nil
}
