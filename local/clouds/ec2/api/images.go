package api

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// rootDevice is the name of the root disk of all images here.
const rootDevice = "/dev/xvda"

// image is an AMI: made here, or one to build upon that somebody else owns.
type image struct {
	id, name, description, owner, architecture, created, snapshot string
	deprecated                                                    string // when, or never
	size                                                          int
	public                                                        bool
	shared                                                        []string
	tags                                                          tags
}

// snapshot is what is in an image.
type snapshot struct {
	id, volume, description, started string
	size                             int
	tags                             tags
}

// baseSize is the size of the disk of images to build upon, in GiB.
const baseSize = 8

// base makes up an image to build upon, once the options say that there is one: its id comes
// from its name, so that it is the same each time.
func (a *region) base(name, id, owner string) {
	if !a.options.Base(cmp.Or(name, id)) {
		return
	}
	if id == "" {
		sum := sha256.Sum256([]byte(name))
		id = newIDFrom("ami", sum[:])
	}
	if _, there := a.images[id]; there {
		return
	}
	architecture := "x86_64"
	if strings.Contains(name, "arm64") {
		architecture = "arm64"
	}
	full := strings.NewReplacer("*", "20260101", "?", "0").Replace(cmp.Or(name, id))
	a.images[id] = &image{
		id: id, name: full, description: "an image to build upon", owner: owner, architecture: architecture,
		created: "2026-01-01T00:00:00.000Z", snapshot: newIDFrom("snap", []byte(id+"0123456789")), size: baseSize,
		public: true, tags: tags{},
	}
}

// newIDFrom makes an id of EC2's form of bytes, of which it needs nine.
func newIDFrom(kind string, b []byte) string {
	const digits = 17
	return kind + "-" + hex.EncodeToString(b)[:digits]
}

// findImage finds an image by its id: one that is here, or one to build upon.
func (a *region) findImage(id string) (*image, error) {
	if i, there := a.images[id]; there {
		return i, nil
	}
	if !strings.HasPrefix(id, "ami-") {
		return nil, missing("InvalidAMIID.Malformed", "Invalid id: \"%s\" (expecting \"ami-...\")", id)
	}
	return nil, missing("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
}

// createImage makes an image, and the snapshot that is in it, of an instance's root disk.
func (a *region) createImage(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from, there := a.instances[q.get("InstanceId")]
	if !there || from.state == terminated {
		return nil, noInstance(q.get("InstanceId"))
	}
	size := baseSize
	if v := a.volumes[from.volume]; v != nil {
		size = v.size
	}
	architecture := "x86_64"
	if base := a.images[from.image]; base != nil {
		architecture = base.architecture
	}
	return a.register(q, from.volume, architecture, size)
}

// copyImage makes an image of another, which may be in another region.
func (a *region) copyImage(q query) (any, error) {
	from := a.elsewhere(cmp.Or(q.get("SourceRegion"), a.name))
	from.mu.Lock()
	original, err := from.findImage(q.get("SourceImageId"))
	from.mu.Unlock()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.register(q, "vol-ffffffff", original.architecture, original.size)
}

// register adds an image with a snapshot of the volume.
func (a *region) register(q query, from, architecture string, size int) (any, error) {
	name := q.get("Name")
	for _, other := range a.images {
		if other.owner == accountID && other.name == name {
			return nil, problem(http.StatusBadRequest, "InvalidAMIName.Duplicate",
				"AMI name %s is already in use by AMI %s", name, other.id)
		}
	}
	now := stamp(a.options.Clock())
	s := &snapshot{newID("snap"), from, "Created by CreateImage", now, size, q.specified("snapshot")}
	i := &image{
		id: newID("ami"), name: name, description: q.get("Description"), owner: accountID,
		architecture: architecture, created: now, snapshot: s.id, size: size, tags: q.specified("image"),
	}
	a.snapshots[s.id], a.images[i.id] = s, i
	return struct {
		ID string `xml:"imageId"`
	}{i.id}, nil
}

// modifyImage shares an image, or takes that back. Other attributes are taken as said.
func (a *region) modifyImage(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, err := a.findImage(q.get("ImageId"))
	if err != nil {
		return nil, err
	}
	if d := q.get("Description.Value"); d != "" {
		i.description = d
	}
	q.each("LaunchPermission.Add", "UserId", func(prefix string) {
		i.shared = append(i.shared, q.get(prefix+"UserId"))
	})
	q.each("LaunchPermission.Remove", "UserId", func(prefix string) {
		i.shared = slices.DeleteFunc(i.shared, func(id string) bool { return id == q.get(prefix+"UserId") })
	})
	return done{true}, nil
}

// describeImageAttribute says whom an image is shared with.
func (a *region) describeImageAttribute(q query) (any, error) {
	type permission struct {
		User  string `xml:"userId,omitempty"`
		Group string `xml:"group,omitempty"`
	}
	if attribute := q.get("Attribute"); attribute != "launchPermission" {
		return nil, missing("InvalidParameterValue", "the attribute %s is not emulated", attribute)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i, err := a.findImage(q.get("ImageId"))
	if err != nil {
		return nil, err
	}
	var permissions set[permission]
	if i.public {
		permissions.Items = []permission{{Group: "all"}}
	}
	for _, user := range i.shared {
		permissions.Items = append(permissions.Items, permission{User: user})
	}
	return struct {
		ID          string          `xml:"imageId"`
		Permissions set[permission] `xml:"launchPermission"`
	}{i.id, permissions}, nil
}

// deprecateImage takes any time; EC2 wants one to come.
func (a *region) deprecateImage(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, err := a.findImage(q.get("ImageId"))
	if err != nil {
		return nil, err
	}
	i.deprecated = q.get("DeprecateAt")
	return done{true}, nil
}

// deregisterImage leaves the image's snapshot, as EC2 does.
func (a *region) deregisterImage(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, err := a.findImage(q.get("ImageId"))
	if err != nil {
		return nil, err
	}
	if i.owner != accountID {
		return nil, problem(http.StatusForbidden, "AuthFailure", "Not authorized for image:%s", i.id)
	}
	delete(a.images, i.id)
	a.gone[i.id] = true
	return done{true}, nil
}
