// Package api emulates the calls of EC2 that making an image needs: instances to provision, the
// key pairs and security groups around them, and the images that come of them. It speaks the
// query protocol that every AWS client speaks, and answers in EC2's own words also where
// something is wrong.
package api

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"

	"github.com/workerkit/workerkit/local/clouds"
)

// accountID is the account that owns what is made here.
const accountID = "123456789012"

// API is one emulated EC2. Signatures are not checked: any credentials do. It is safe for
// concurrent use.
type API struct {
	// Troubles are the calls that are going to fail, named by their Action ("RunInstances").
	Troubles clouds.Troubles

	options clouds.BuildOptions
	actions map[string]func(query) (any, error)

	mu        sync.Mutex
	images    map[string]*image
	gone      map[string]bool // ids of images that were deregistered
	snapshots map[string]*snapshot
	instances map[string]*instance
	volumes   map[string]*volume
	groups    map[string]*group
	keys      map[string]*key
}

// New makes an EC2 with nothing in it.
func New(o clouds.BuildOptions) *API {
	a := &API{
		options: o.WithDefaults(),
		images:  map[string]*image{}, gone: map[string]bool{}, snapshots: map[string]*snapshot{}, instances: map[string]*instance{},
		volumes: map[string]*volume{}, groups: map[string]*group{}, keys: map[string]*key{},
	}
	a.actions = map[string]func(query) (any, error){
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
		"ModifyImageAttribute": a.modifyImage, "CopyImage": a.copyImage,
		"DescribeSnapshots": a.describeSnapshots, "DeleteSnapshot": a.deleteSnapshot,
		"ModifySnapshotAttribute": a.modifySnapshot,
		"CreateTags":              a.createTags, "DeleteTags": a.deleteTags, "DescribeTags": a.describeTags,
	}
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := parse(r)
	if err != nil {
		a.answer(w, "", nil, err)
		return
	}
	action := q.get("Action")
	do, known := a.actions[action]
	if !known {
		a.answer(w, action, nil, problem(http.StatusBadRequest, "InvalidAction",
			"The action %s is not valid for this web service: it is not emulated.", action))
		return
	}
	if trouble := a.Troubles.Next(action); trouble != "" {
		a.answer(w, action, nil, inTrouble(trouble))
		return
	}
	result, err := do(q)
	a.answer(w, action, result, err)
}

// Images are what was made here, each with its tags, in the order of their ids.
func (a *API) Images() []clouds.Resource {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []clouds.Resource
	for _, i := range a.images {
		if i.owner == accountID {
			all = append(all, clouds.Resource{Kind: "image", ID: i.id, Tags: i.tags.clone()})
		}
	}
	return sorted(all)
}

// Leftovers are what costs money or is in the way after a build: every instance that is not
// terminated, key pair, security group, volume, and snapshot that belongs to no image.
func (a *API) Leftovers() []clouds.Resource {
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
	return sorted(all)
}

// sorted puts resources in the order of their names.
func sorted(all []clouds.Resource) []clouds.Resource {
	slices.SortFunc(all, func(x, y clouds.Resource) int {
		if x.String() < y.String() {
			return -1
		}
		return 1
	})
	return all
}

// newID makes an id of EC2's form: the kind, and seventeen hexadecimal digits.
func newID(kind string) string {
	const digits = 17
	raw := make([]byte, (digits+1)/2)
	_, _ = rand.Read(raw) // it never fails
	return kind + "-" + hex.EncodeToString(raw)[:digits]
}
