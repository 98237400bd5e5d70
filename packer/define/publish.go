package define

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/workerkit/workerkit/packer"
)

// publish checks where an image goes, and leaves of it what belongs to a target of the image.
func (e *evaluation) publish(tree *node) {
	if tree.get("publish") == nil {
		return
	}
	left := newMapping(hcl.Range{})
	each(tree.get("publish"), func(cloud string, n *node) {
		base := tree.get("base", cloud)
		if base == nil {
			if !e.broken {
				e.fail(n.at, "Nothing to publish", "The image %q has no block base %q. An inherited block is dropped by replace = [\"publish.%s\"].", tree.text("name"), cloud, cloud)
			}
			return
		}
		e.regions(cloud, n, base)
		e.twice(n.get("accounts"), "account")
		e.twice(n.get("locations"), "location")
		switch packer.Target(cloud) {
		case packer.AWS:
			e.encryption(n)
		case packer.Azure:
			e.gallery(n)
		}
		if given := tree.get("targets"); given == nil || slices.ContainsFunc(given.list, func(t *node) bool { return t.text() == cloud }) {
			left.set(cloud, n)
		}
	})
	if tree.drop("publish"); len(left.keys) > 0 {
		tree.set("publish", left)
	}
}

// regions checks the regions that get a copy: that of the build has the image anyway.
func (e *evaluation) regions(cloud string, n, base *node) {
	e.twice(n.get("regions"), "region")
	own := base.text("region")
	if given := n.get("regions"); given != nil && own != "" {
		for _, region := range given.list {
			if region.text() == own {
				e.fail(region.at, "Region of the base", "%s is where the image is built (base %q, at %s): list only those that get a copy.", own, cloud, place(base.get("region").at))
			}
		}
	}
}

// twice finds what is in a list of texts twice.
func (e *evaluation) twice(n *node, what string) {
	if n == nil {
		return
	}
	first := map[string]hcl.Range{}
	for _, part := range n.list {
		if at, ok := first[part.text()]; ok {
			e.fail(part.at, "Listed twice", "The %s %s is already at %s.", what, part.text(), place(at))
			continue
		}
		first[part.text()] = part.at
	}
}

// encryption checks the keys of AWS. What is encrypted with an account's default key cannot be
// shared; packer wants a key for each copy or for none.
func (e *evaluation) encryption(n *node) {
	encrypted, own, copies := n.flag("encrypt"), n.get("kms_key"), n.get("region_kms_keys")
	if e.broken {
		return
	}
	for _, key := range []*node{own, copies} {
		if key != nil && !encrypted {
			e.fail(key.at, "Key without encryption", "The key is of no use without encrypt = true.")
		}
	}
	keyed := map[string]bool{}
	if copies != nil {
		for _, region := range copies.keys {
			keyed[region] = true
			if !slices.Contains(n.texts("regions"), region) {
				e.fail(copies.fields[region].at, "Key without a copy", "%s is not in regions.", region)
			}
		}
	}
	shared := n.get("accounts") != nil && len(n.get("accounts").list) > 0
	if encrypted && shared && own == nil {
		e.fail(n.get("encrypt").at, "Encrypted and shared", "AWS shares no image that is encrypted with the account's default key: set kms_key to a key that the accounts may use.")
	}
	if !encrypted || !shared && copies == nil {
		return
	}
	for _, region := range n.texts("regions") {
		if !keyed[region] {
			e.fail(n.get("regions").at, "Copy without a key", "The copy in %s needs a key of its own in region_kms_keys: keys are of one region, and the default key can neither be shared nor stand beside others.", region)
		}
	}
}

// gallery checks Azure's: the managed image is in a resource group, a version of it in a gallery.
func (e *evaluation) gallery(n *node) {
	if e.broken {
		return
	}
	const what = `publish "azure"`
	e.together(n, what, "resource_group")
	if hasAny(n, "gallery", "image", "regions", "gallery_resource_group") {
		e.together(n, what, "gallery", "image")
	}
}
