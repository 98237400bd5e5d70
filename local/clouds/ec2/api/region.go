package api

import (
	"sync"

	"github.com/workerkit/workerkit/local/clouds"
)

// region is EC2 in one region, which sees nothing of the others. It is safe for concurrent use.
type region struct {
	name      string
	options   clouds.BuildOptions
	actions   map[string]func(query) (any, error)
	elsewhere func(name string) *region // for copies

	mu        sync.Mutex
	images    map[string]*image
	gone      map[string]bool // ids of images that were deregistered
	snapshots map[string]*snapshot
	instances map[string]*instance
	volumes   map[string]*volume
	groups    map[string]*group
	keys      map[string]*key
	templates map[string]*template
}

func newRegion(name string, o clouds.BuildOptions, elsewhere func(string) *region) *region {
	a := &region{
		name: name, options: o, elsewhere: elsewhere,
		images: map[string]*image{}, gone: map[string]bool{}, snapshots: map[string]*snapshot{}, instances: map[string]*instance{},
		volumes: map[string]*volume{}, groups: map[string]*group{}, keys: map[string]*key{}, templates: map[string]*template{},
	}
	a.actions = a.calls()
	return a
}

// calls are all that are emulated, by their Action.
func (a *region) calls() map[string]func(query) (any, error) {
	return map[string]func(query) (any, error){
		"DescribeRegions": a.describeRegions, "DescribeVpcs": a.describeVPCs, "DescribeSubnets": a.describeSubnets,
		"DescribeInstanceTypeOfferings": a.describeOfferings,
		"CreateKeyPair":                 a.createKeyPair, "DescribeKeyPairs": a.describeKeyPairs, "DeleteKeyPair": a.deleteKeyPair,
		"ImportKeyPair":       a.importKeyPair,
		"CreateSecurityGroup": a.createGroup, "DescribeSecurityGroups": a.describeGroups, "DeleteSecurityGroup": a.deleteGroup,
		"AuthorizeSecurityGroupIngress": a.authorizeIngress,
		"RunInstances":                  a.runInstances, "DescribeInstances": a.describeInstances,
		"DescribeInstanceStatus": a.describeInstanceStatus,
		"StopInstances":          a.stopInstances, "TerminateInstances": a.terminateInstances,
		"ModifyInstanceAttribute": a.modifyInstance, "DescribeVolumes": a.describeVolumes, "DeleteVolume": a.deleteVolume,
		"CreateImage": a.createImage, "DescribeImages": a.describeImages, "DeregisterImage": a.deregisterImage,
		"ModifyImageAttribute": a.modifyImage, "DescribeImageAttribute": a.describeImageAttribute, "CopyImage": a.copyImage,
		"EnableImageDeprecation": a.deprecateImage,
		"CreateLaunchTemplate":   a.createTemplate, "CreateLaunchTemplateVersion": a.createTemplateVersion,
		"DescribeLaunchTemplates": a.describeTemplates, "DescribeLaunchTemplateVersions": a.describeTemplateVersions,
		"DescribeSnapshots": a.describeSnapshots, "DeleteSnapshot": a.deleteSnapshot,
		"ModifySnapshotAttribute": a.modifySnapshot,
		"CreateTags":              a.createTags, "DeleteTags": a.deleteTags, "DescribeTags": a.describeTags,
	}
}

// made are the images that were made here.
func (a *region) made() []clouds.Resource {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []clouds.Resource
	for _, i := range a.images {
		if i.owner == accountID {
			all = append(all, clouds.Resource{Kind: "image", ID: i.id, Tags: i.tags.clone()})
		}
	}
	return all
}

// leftovers are those of Leftovers.
func (a *region) leftovers() []clouds.Resource {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []clouds.Resource
	add := func(kind, id string, t tags) { all = append(all, clouds.Resource{Kind: kind, ID: id, Tags: t.clone()}) }
	for _, i := range a.instances {
		if i.state != terminated {
			add("instance", i.id, i.tags)
		}
	}
	for _, v := range a.volumes {
		add("volume", v.id, v.tags)
	}
	for _, g := range a.groups {
		add("security-group", g.id, g.tags)
	}
	for _, k := range a.keys {
		add("key-pair", k.name, k.tags)
	}
	for _, s := range a.snapshots {
		if !a.imaged(s.id) {
			add("snapshot", s.id, s.tags)
		}
	}
	return all
}
