package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/workerkit/workerkit/packer"
	cloudapi "github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/clouds/aws"
	"github.com/workerkit/workerkit/packer/clouds/azure"
	"github.com/workerkit/workerkit/packer/clouds/gcp"
	"github.com/workerkit/workerkit/packer/ledger"
)

// kinds are the clouds that there are. Regions count in AWS alone, where each is for itself.
func kinds() map[packer.Target]func(ctx context.Context, regions []string) (cloudapi.Cloud, error) {
	return map[packer.Target]func(context.Context, []string) (cloudapi.Cloud, error){
		packer.AWS: func(ctx context.Context, regions []string) (cloudapi.Cloud, error) {
			return aws.New(ctx, aws.Options{Regions: regions})
		},
		packer.GCP: func(ctx context.Context, _ []string) (cloudapi.Cloud, error) {
			return gcp.New(ctx, gcp.Options{})
		},
		packer.Azure: func(ctx context.Context, _ []string) (cloudapi.Cloud, error) {
			return azure.New(ctx, azure.Options{})
		},
	}
}

// cloud is the cloud of a target, in all regions that the images and the ledger name.
func (p *program) cloud(ctx context.Context, target packer.Target, images []packer.Image) (cloudapi.Cloud, error) {
	open, known := kinds()[target]
	if !known {
		return nil, fmt.Errorf("%s is no cloud", target)
	}
	l, err := p.ledger()
	if err != nil {
		return nil, err
	}
	return open(ctx, regions(target, images, l))
}

// regions are those where there can be something of a target, sorted.
func regions(target packer.Target, images []packer.Image, l *ledger.Ledger) []string {
	var all []string
	for _, i := range images {
		if base, there := i.Bases[target]; there {
			all = append(all, base.Region)
		}
		all = append(all, i.Publish[target].Regions...)
	}
	for _, b := range l.Find("", "", target) {
		for _, a := range b.Artifacts {
			all = append(all, a.Region)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(region string) bool { return region == "" })
}

// inClouds are the clouds among the targets that are asked for; when none is, all where the
// definitions or the ledger have something.
func inClouds(words []string, images []packer.Image, l *ledger.Ledger) ([]packer.Target, error) {
	asked, err := targetsOf(words)
	if err != nil {
		return nil, err
	}
	if slices.Contains(asked, packer.QEMU) {
		return nil, &misuse{text: "qemu is no cloud", hint: "Local disks are files: delete them where they are."}
	}
	if len(asked) > 0 {
		return asked, nil
	}
	for _, t := range packer.Targets() {
		defined := slices.ContainsFunc(images, func(i packer.Image) bool { return slices.Contains(i.Targets, t) })
		if t != packer.QEMU && (defined || len(l.Find("", "", t)) > 0) {
			asked = append(asked, t)
		}
	}
	return asked, nil
}
