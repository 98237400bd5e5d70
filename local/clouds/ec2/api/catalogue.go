package api

import (
	"cmp"
	"slices"
	"strings"
)

// imageAnswer is an image in an answer.
type imageAnswer struct {
	ID           string       `xml:"imageId"`
	Location     string       `xml:"imageLocation"`
	State        string       `xml:"imageState"`
	Owner        string       `xml:"imageOwnerId"`
	Public       bool         `xml:"isPublic"`
	Architecture string       `xml:"architecture"`
	Type         string       `xml:"imageType"`
	Name         string       `xml:"name"`
	Description  string       `xml:"description"`
	RootType     string       `xml:"rootDeviceType"`
	RootName     string       `xml:"rootDeviceName"`
	Devices      set[mapping] `xml:"blockDeviceMapping"`
	Virtual      string       `xml:"virtualizationType"`
	Hypervisor   string       `xml:"hypervisor"`
	ENA          bool         `xml:"enaSupport"`
	Created      string       `xml:"creationDate"`
	Deprecated   string       `xml:"deprecationTime,omitempty"`
	Tags         set[tag]     `xml:"tagSet"`
}

type mapping struct {
	Device   string `xml:"deviceName"`
	Snapshot string `xml:"ebs>snapshotId"`
	Size     int    `xml:"ebs>volumeSize"`
	Delete   bool   `xml:"ebs>deleteOnTermination"`
	Type     string `xml:"ebs>volumeType"`
}

func (i *image) answer() imageAnswer {
	return imageAnswer{
		ID: i.id, Location: i.owner + "/" + i.name, State: "available", Owner: i.owner, Public: i.public,
		Architecture: i.architecture, Type: "machine", Name: i.name, Description: i.description,
		RootType: "ebs", RootName: rootDevice, Devices: set[mapping]{[]mapping{{rootDevice, i.snapshot, i.size, true, "gp2"}}},
		Virtual: "hvm", Hypervisor: "xen", ENA: true, Created: i.created, Deprecated: i.deprecated, Tags: i.tags.answer(),
	}
}

func (i *image) attributes() map[string]string {
	return map[string]string{
		"name": i.name, "image-id": i.id, "owner-id": i.owner, "architecture": i.architecture, "state": "available",
		"virtualization-type": "hvm", "root-device-type": "ebs", "image-type": "machine", "hypervisor": "xen",
		"ena-support": "true", "is-public": map[bool]string{true: "true", false: "false"}[i.public],
		"description": i.description, "owner-alias": "", "block-device-mapping.volume-type": "gp2",
		"block-device-mapping.snapshot-id": i.snapshot,
	}
}

// describeImages lists images. One to build upon comes into being when it is first asked for.
func (a *region) describeImages(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	owners, ids := q.list("Owner"), q.list("ImageId")
	a.foreseeBases(owners, ids, q.filters())
	for _, id := range ids {
		if _, err := a.findImage(id); err != nil {
			return nil, err
		}
	}
	found, err := choose(a.images, ids, q.filters(), func(i *image) (map[string]string, tags, imageAnswer) {
		return i.attributes(), i.tags, i.answer()
	})
	found.Items = slices.DeleteFunc(found.Items, func(i imageAnswer) bool { return len(owners) > 0 && !owned(i.Owner, owners) })
	return struct {
		Images set[imageAnswer] `xml:"imagesSet"`
	}{found}, err
}

// owned tells whether an owner is among those of a call, which may say "self" and an alias.
func owned(owner string, owners []string) bool {
	return slices.ContainsFunc(owners, func(o string) bool {
		switch o {
		case "self":
			return owner == accountID
		case "amazon", "aws-marketplace":
			return owner == aliasOwner
		default:
			return owner == o
		}
	})
}

// aliasOwner is the account behind the aliases of owners.
const aliasOwner = "801119661308"

// foreseeBases makes the images to build upon that a call asks for.
func (a *region) foreseeBases(owners, ids []string, filters []filter) {
	for _, id := range ids {
		if _, there := a.images[id]; !there && strings.HasPrefix(id, "ami-") && !a.gone[id] {
			a.base("", id, aliasOwner)
		}
	}
	foreign := slices.DeleteFunc(slices.Clone(owners), func(o string) bool { return o == "self" || o == accountID })
	if len(foreign) == 0 {
		return
	}
	owner := foreign[0]
	if owned(aliasOwner, []string{owner}) || strings.Trim(owner, "0123456789") != "" {
		owner = aliasOwner
	}
	for _, f := range filters {
		if f.name != "name" {
			continue
		}
		for _, name := range f.values {
			a.base(name, "", cmp.Or(owner, aliasOwner))
		}
	}
}
