package aws

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/packer/clouds"
)

// Remove removes what Leftovers of c has listed, or what has the tag of a run now. A security
// group is waited for until its machine has gone, three minutes at most.
func (c *Cloud) Remove(ctx context.Context, r clouds.Resource) error {
	s, err := c.site(r.Region)
	if err != nil {
		return err
	}
	c.mu.Lock()
	proven := c.proven[r.ID]
	c.mu.Unlock()
	if !proven {
		if err := s.check(ctx, r); err != nil {
			return err
		}
	}
	switch r.Kind {
	case instance:
		_, err := s.api.terminate(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{r.ID}})
		return s.removed(ctx, "TerminateInstances", err)
	case volume:
		_, err := s.api.deleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: aws.String(r.ID)})
		return s.removed(ctx, "DeleteVolume", err)
	case keyPair:
		_, err := s.api.deleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyPairId: aws.String(r.ID)})
		return s.removed(ctx, "DeleteKeyPair", err)
	case securityGroup:
		return s.deleteGroup(ctx, r.ID)
	case snapshot:
		return s.deleteSnapshot(ctx, r.ID)
	default:
		return fmt.Errorf("aws: %s is a %s, which nothing here removes", r.ID, r.Kind)
	}
}

// check asks EC2 for the tag.
func (s site) check(ctx context.Context, r clouds.Resource) error {
	reply, err := s.api.tags(ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{filter("resource-id", r.ID), filter("key", clouds.TagRun)}})
	if err != nil {
		return s.failed(ctx, "DescribeTags", err)
	}
	if len(reply.Tags) == 0 {
		return fmt.Errorf("aws: %s: the %s %s is not ours: it has no tag %s", s.region, r.Kind, r.ID, clouds.TagRun)
	}
	return nil
}

// removed is what the error of a call that removes comes to.
func (s site) removed(ctx context.Context, call string, err error) error {
	if gone(err) {
		return nil
	}
	return s.failed(ctx, call, err)
}

func (s site) deleteGroup(ctx context.Context, id string) error {
	const inUse = "DependencyViolation"
	policy := retry.Policy{Initial: 2 * time.Second, Cap: 15 * time.Second, Total: 3 * time.Minute}
	return retry.Do(ctx, policy, func(ctx context.Context) error {
		_, err := s.api.deleteGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(id)})
		failed := s.removed(ctx, "DeleteSecurityGroup", err)
		if codeOf(err) == inUse {
			return failed
		}
		return retry.Permanent(failed)
	})
}
