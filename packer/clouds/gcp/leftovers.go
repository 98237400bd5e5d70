package gcp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/api/compute/v1"

	"github.com/workerkit/workerkit/packer/clouds"
)

// The kinds of resources that builds leave.
const (
	kindInstance = "instance"
	kindDisk     = "disk"
)

// Leftovers lists instances, and disks that no instance has: one that an instance has goes along
// with it, or is listed once the instance has gone.
func (c *cloud) Leftovers(ctx context.Context) ([]clouds.Resource, error) {
	var all []clouds.Resource
	add := func(kind, zone, name, at string, labels map[string]string) {
		if labels[clouds.TagName] != "" && labels[clouds.TagRun] != "" {
			all = append(all, clouds.Resource{Kind: kind, Region: last(zone), ID: name, Run: labels[clouds.TagRun], Made: made(at)})
		}
	}
	err := c.compute.Instances.AggregatedList(c.project).Filter(labelled).Pages(ctx, func(page *compute.InstanceAggregatedList) error {
		for _, scope := range page.Items {
			for _, i := range scope.Instances {
				add(kindInstance, i.Zone, i.Name, i.CreationTimestamp, i.Labels)
			}
		}
		return nil
	})
	if err != nil {
		return nil, failed(ctx, "list the instances of the project "+c.project, err)
	}
	err = c.compute.Disks.AggregatedList(c.project).Filter(labelled).Pages(ctx, func(page *compute.DiskAggregatedList) error {
		for _, scope := range page.Items {
			for _, d := range scope.Disks {
				if len(d.Users) == 0 && d.Zone != "" { // those of a whole region are not ours
					add(kindDisk, d.Zone, d.Name, d.CreationTimestamp, d.Labels)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, failed(ctx, "list the disks of the project "+c.project, err)
	}
	slices.SortFunc(all, func(a, b clouds.Resource) int { // the pages have their zones in a map
		return strings.Compare(a.Kind+a.Region+"/"+a.ID, b.Kind+b.Region+"/"+b.ID)
	})
	return all, nil
}

// Remove removes an instance with its boot disk, or a disk.
func (c *cloud) Remove(ctx context.Context, r clouds.Resource) error {
	var err error
	switch r.Kind {
	case kindInstance:
		err = c.removeInstance(ctx, r)
	case kindDisk:
		err = c.removeDisk(ctx, r)
	default:
		return fmt.Errorf("gcp: remove %s: builds leave no %s", r.ID, r.Kind)
	}
	if gone(err) {
		return nil
	}
	return failed(ctx, "remove the "+r.Kind+" "+r.Region+"/"+r.ID, err)
}

func (c *cloud) removeInstance(ctx context.Context, r clouds.Resource) error {
	is, err := c.compute.Instances.Get(c.project, r.Region, r.ID).Context(ctx).Do()
	if err != nil {
		return err
	}
	if err := ours(is.Labels, r.Run); err != nil {
		return err
	}
	for _, d := range is.Disks {
		if d.Boot && !d.AutoDelete { // packer's has no label, and nobody would find it any more
			if err := c.takeAlong(ctx, r, d.DeviceName); err != nil {
				return fmt.Errorf("mark its boot disk: %w", err)
			}
		}
	}
	o, err := c.compute.Instances.Delete(c.project, r.Region, r.ID).Context(ctx).Do()
	if err != nil {
		return err
	}
	return broken(o)
}

// takeAlong makes a disk go with its instance.
func (c *cloud) takeAlong(ctx context.Context, r clouds.Resource, device string) error {
	o, err := c.compute.Instances.SetDiskAutoDelete(c.project, r.Region, r.ID, true, device).Context(ctx).Do()
	for err == nil && o.Status != "DONE" {
		o, err = c.compute.ZoneOperations.Wait(c.project, r.Region, o.Name).Context(ctx).Do()
	}
	if err != nil {
		return err
	}
	return broken(o)
}

func (c *cloud) removeDisk(ctx context.Context, r clouds.Resource) error {
	is, err := c.compute.Disks.Get(c.project, r.Region, r.ID).Context(ctx).Do()
	if err != nil {
		return err
	}
	if err := ours(is.Labels, r.Run); err != nil {
		return err
	}
	o, err := c.compute.Disks.Delete(c.project, r.Region, r.ID).Context(ctx).Do()
	if err != nil {
		return err
	}
	return broken(o)
}

// last is the last part of a link.
func last(link string) string { return link[strings.LastIndex(link, "/")+1:] }
