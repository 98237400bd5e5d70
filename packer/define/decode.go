package define

import (
	"fmt"

	"github.com/workerkit/workerkit/packer"
)

// Sizes in GiB: no smaller than the disks that the clouds' own images bring along.
const (
	linuxSize   = 30
	windowsSize = 128
)

// Where ephemeral disks are mounted unless the definition says otherwise.
const (
	linuxMount   = "/mnt/ephemeral"
	windowsMount = `Z:\`
)

// machineTypes are what builds run on, by target and architecture: two processors, 8 GiB.
func machineTypes() map[packer.Target]map[string]string {
	return map[packer.Target]map[string]string{
		packer.AWS:   {"amd64": "m6i.large", "arm64": "m6g.large"},
		packer.GCP:   {"amd64": "e2-standard-2", "arm64": "t2a-standard-2"},
		packer.Azure: {"amd64": "Standard_D2s_v5", "arm64": "Standard_D2ps_v5"},
	}
}

// decode finishes a tree and makes the image of it. Its types are right, or missing.
func (e *evaluation) decode(tree *node, known *schema) packer.Image {
	e.finish(tree, known)
	image := packer.Image{
		Name: tree.text("name"), Description: tree.text("description"), OS: tree.text("os"), Arch: tree.text("arch"),
		Bases: map[packer.Target]packer.Base{}, Size: tree.number("size"),
		Worker: packer.Worker{
			Engine: tree.text("worker", "engine"), Version: tree.text("worker", "version"),
			Config: tree.object("worker", "config"), Runner: tree.object("worker", "runner"),
		},
		Packages:    tree.texts("packages"),
		Environment: tree.textMap("environment"),
		Storage: packer.Storage{
			Use: tree.flag("storage", "use"), FileSystem: tree.text("storage", "file_system"),
			Mount: tree.text("storage", "mount"), For: tree.texts("storage", "for"),
		},
		Hardening: packer.Hardening{
			BlockMetadata: tree.flag("hardening", "block_metadata"), SSH: tree.flag("hardening", "ssh"),
			TimeSync: tree.flag("hardening", "time_sync"),
		},
		Tags: tree.textMap("tags"),
		From: map[string]string{},
	}
	for _, t := range tree.texts("targets") {
		image.Targets = append(image.Targets, packer.Target(t))
		image.Bases[packer.Target(t)] = decodeBase(tree.get("base", t))
	}
	each(tree.get("publish"), func(t string, n *node) {
		if image.Publish == nil {
			image.Publish = map[packer.Target]packer.Publish{}
		}
		image.Publish[packer.Target(t)] = decodePublish(n)
	})
	decodeBlocks(tree, &image)
	origins(tree, "", image.From)
	return image
}

func decodeBase(n *node) packer.Base {
	return packer.Base{
		Owner: n.text("owner"), Filter: n.text("filter"), Project: n.text("project"), Family: n.text("family"),
		Publisher: n.text("publisher"), Offer: n.text("offer"), SKU: n.text("sku"), Version: n.text("version"),
		Gallery: n.text("gallery"), Disk: n.text("disk"), SHA256: n.text("sha256"), ID: n.text("id"),
		Region: n.text("region"), Zone: n.text("zone"), MachineType: n.text("machine_type"),
		Variables: n.object("variables"),
	}
}

func decodePublish(n *node) packer.Publish {
	return packer.Publish{
		Regions: n.texts("regions"), KMSKey: n.text("kms_key"), Accounts: n.texts("accounts"), Encrypt: n.flag("encrypt"),
		RegionKMSKeys: n.textMap("region_kms_keys"), Locations: n.texts("locations"),
		ResourceGroup: n.text("resource_group"), Gallery: n.text("gallery"),
		GalleryResourceGroup: n.text("gallery_resource_group"), Image: n.text("image"),
	}
}

// decodeBlocks decodes the blocks that have labels.
func decodeBlocks(tree *node, image *packer.Image) {
	each(tree.get("file"), func(path string, n *node) {
		image.Files = append(image.Files, packer.File{
			Path: path, Owner: n.text("owner"), Group: n.text("group"), Mode: n.text("mode"),
			Content: n.text("content"), Source: n.text("source"),
		})
	})
	each(tree.get("download"), func(path string, n *node) {
		image.Downloads = append(image.Downloads, packer.Download{
			URL: n.text("url"), SHA256: n.text("sha256"), Path: path, Mode: n.text("mode"), Unpack: n.flag("unpack"),
		})
	})
	each(tree.get("script"), func(name string, n *node) {
		image.Scripts = append(image.Scripts, packer.Script{
			Name: name, Source: n.text("source"), Content: n.text("content"),
			Environment: n.textMap("environment"), Secrets: n.secrets("environment"),
		})
	})
	each(tree.get("service"), func(name string, n *node) {
		image.Services = append(image.Services, packer.Service{Name: name, Enabled: n.flag("enabled"), Unit: n.text("unit")})
	})
	each(tree.get("test"), func(name string, n *node) {
		image.Tests = append(image.Tests, packer.Test{Name: name, Command: n.text("command")})
	})
}

// each visits the blocks of one type in their order.
func each(group *node, visit func(label string, n *node)) {
	if group == nil {
		return
	}
	for _, label := range group.keys {
		visit(label, group.fields[label])
	}
}

// origins notes where each value comes from.
func origins(n *node, key string, from map[string]string) {
	switch {
	case n.shape == mapping && len(n.keys) > 0:
		for _, name := range n.keys {
			inner := packer.Key(name)
			if key != "" && inner[0] != '[' {
				inner = "." + inner
			}
			origins(n.fields[name], key+inner, from)
		}
	case n.shape == list && len(n.list) > 0:
		for i, part := range n.list {
			origins(part, fmt.Sprintf("%s[%d]", key, i), from)
		}
	case n.shape == mapping && n.at.Filename == "": // an empty one that nobody wrote
	case n.at.Filename == "":
		from[key] = "default"
	default:
		from[key] = place(n.at)
	}
}
