package aws

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/workerkit/workerkit/packer/clouds"
)

// The kinds of leftovers.
const (
	instance      = "instance"
	volume        = "volume"
	keyPair       = "key pair"
	securityGroup = "security group"
	snapshot      = "snapshot"
)

// Leftovers lists instances, volumes that are attached to none, key pairs, security groups, and
// snapshots that are in no AMI: those with the tag of a run. Not every packer tags key pairs and
// security groups; one without the tag is listed when packer has named it (packer_…) and an
// instance with the tag has it, also one that was terminated just now.
//
// Instances come first, because what belongs to them can only be removed after them.
func (c *Cloud) Leftovers(ctx context.Context) ([]clouds.Resource, error) {
	return everywhere(ctx, c, func(ctx context.Context, s site) ([]clouds.Resource, error) {
		machines, err := s.instances(ctx, tagged(clouds.TagRun))
		if err != nil {
			return nil, err
		}
		all := living(s.region, machines)
		for _, list := range []func(context.Context, []types.Instance) ([]clouds.Resource, error){
			s.volumes, s.keyPairs, s.securityGroups, s.orphans,
		} {
			found, err := list(ctx, machines)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, r := range all {
			c.proven[r.ID] = true
		}
		return all, nil
	})
}

// living are the instances that still cost money.
func living(region string, machines []types.Instance) []clouds.Resource {
	var all []clouds.Resource
	for _, i := range machines {
		if i.State != nil && (i.State.Name == types.InstanceStateNameTerminated || i.State.Name == types.InstanceStateNameShuttingDown) {
			continue
		}
		all = append(all, clouds.Resource{
			Kind: instance, Region: region, ID: aws.ToString(i.InstanceId), Run: tag(i.Tags, clouds.TagRun), Made: aws.ToTime(i.LaunchTime),
		})
	}
	return all
}

// volumes leaves out those of machines: they go, or stay as volumes of none, with the machine.
func (s site) volumes(ctx context.Context, _ []types.Instance) ([]clouds.Resource, error) {
	var all []clouds.Resource
	request := &ec2.DescribeVolumesInput{Filters: []types.Filter{tagged(clouds.TagRun), filter("status", "available", "error")}}
	for pages := ec2.NewDescribeVolumesPaginator(s.api.volumes, request); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed(ctx, "DescribeVolumes", err)
		}
		for _, v := range page.Volumes {
			all = append(all, clouds.Resource{
				Kind: volume, Region: s.region, ID: aws.ToString(v.VolumeId), Run: tag(v.Tags, clouds.TagRun), Made: aws.ToTime(v.CreateTime),
			})
		}
	}
	return all, nil
}

func (s site) keyPairs(ctx context.Context, machines []types.Instance) ([]clouds.Resource, error) {
	reply, err := s.api.keyPairs(ctx, &ec2.DescribeKeyPairsInput{}) // has no pages
	if err != nil {
		return nil, s.failed(ctx, "DescribeKeyPairs", err)
	}
	var all []clouds.Resource
	for _, k := range reply.KeyPairs {
		name := aws.ToString(k.KeyName)
		run := runOf(name, k.Tags, machines, func(i types.Instance) bool { return aws.ToString(i.KeyName) == name })
		if run != "" {
			all = append(all, clouds.Resource{
				Kind: keyPair, Region: s.region, ID: aws.ToString(k.KeyPairId), Run: run, Made: aws.ToTime(k.CreateTime),
			})
		}
	}
	return all, nil
}

// securityGroups have no time in EC2: packer's own name for them begins with it.
func (s site) securityGroups(ctx context.Context, machines []types.Instance) ([]clouds.Resource, error) {
	var all []clouds.Resource
	for pages := ec2.NewDescribeSecurityGroupsPaginator(s.api.groups, &ec2.DescribeSecurityGroupsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed(ctx, "DescribeSecurityGroups", err)
		}
		for _, g := range page.SecurityGroups {
			id, name := aws.ToString(g.GroupId), aws.ToString(g.GroupName)
			run := runOf(name, g.Tags, machines, func(i types.Instance) bool {
				return slices.ContainsFunc(i.SecurityGroups, func(of types.GroupIdentifier) bool { return aws.ToString(of.GroupId) == id })
			})
			if run != "" {
				all = append(all, clouds.Resource{Kind: securityGroup, Region: s.region, ID: id, Run: run, Made: named(name)})
			}
		}
	}
	return all, nil
}

// orphans are the snapshots that are in no AMI.
func (s site) orphans(ctx context.Context, _ []types.Instance) ([]clouds.Resource, error) {
	snapshots, err := s.snapshots(ctx, tagged(clouds.TagRun))
	if err != nil || len(snapshots) == 0 {
		return nil, err
	}
	images, err := s.own(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, i := range images {
		for _, id := range snapshotsOf(i) {
			used[id] = true
		}
	}
	var all []clouds.Resource
	for _, of := range snapshots {
		if id := aws.ToString(of.SnapshotId); !used[id] {
			all = append(all, clouds.Resource{
				Kind: snapshot, Region: s.region, ID: id, Run: tag(of.Tags, clouds.TagRun), Made: aws.ToTime(of.StartTime),
			})
		}
	}
	return all, nil
}

// prefix is how packer names what it makes for the time of a build: packer_ and a UUID.
const prefix = "packer_"

// runOf is the run that something belongs to: by its own tag, or by that of a machine that has it,
// if its name is packer's. It is "" when neither proves it.
func runOf(name string, tags []types.Tag, machines []types.Instance, has func(types.Instance) bool) string {
	if run := tag(tags, clouds.TagRun); run != "" || !strings.HasPrefix(name, prefix) {
		return run
	}
	if n := slices.IndexFunc(machines, has); n >= 0 {
		return tag(machines[n].Tags, clouds.TagRun)
	}
	return ""
}

// named is the time in a name of packer's: the first eight digits of its UUIDs are seconds since
// 1970. It is zero for any other name.
func named(name string) time.Time {
	const digits = 8
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || len(rest) < digits {
		return time.Time{}
	}
	seconds, err := strconv.ParseUint(rest[:digits], 16, 32)
	first := time.Date(2013, 1, 1, 0, 0, 0, 0, time.UTC) // before packer
	when := time.Unix(int64(seconds), 0).UTC()           //nolint:gosec // of 32 bits
	if err != nil || when.Before(first) {
		return time.Time{}
	}
	return when
}
