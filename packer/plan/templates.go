package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/render"
)

// template is the digest of what this program makes of every image for a system and a target:
// templates, provisioning scripts, units, and the files that it writes from values. It is taken
// from an image that has something of everything, so that another definition changes nothing
// here, and for both generations of packer, so that it does not depend on which one is there.
func (d *Definitions) template(image packer.Image, target packer.Target) (string, error) {
	key := strings.Join([]string{image.OS, image.Arch, string(target)}, " ")
	if d.templates[key] != "" {
		return d.templates[key], nil
	}
	var all strings.Builder
	for _, version := range []string{"", "2.0.0"} {
		files, _, err := render.Files(sample(image.OS, image.Arch, target), []packer.Target{target}, render.Options{
			PackerVersion: version, AllowIMDSv1: true,
		})
		if err != nil {
			return "", err
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			fmt.Fprintf(&all, "%q %q\n", name, files[name])
		}
	}
	d.templates[key] = short([]byte(all.String()))
	return d.templates[key], nil
}

// sample is an image with something of everything.
func sample(system, arch string, target packer.Target) packer.Image {
	some := map[string]string{"a": "b"}
	return packer.Image{
		Name: "sample", Description: "description", OS: system, Arch: arch, Size: 1,
		Bases: map[packer.Target]packer.Base{target: {ID: "id", Region: "region", Zone: "zone"}},
		Publish: map[packer.Target]packer.Publish{target: {
			Regions: []string{"elsewhere"}, KMSKey: "key", RegionKMSKeys: map[string]string{"elsewhere": "key"},
			Accounts: []string{"account"}, Encrypt: true, Locations: []string{"place"},
			ResourceGroup: "group", Gallery: "gallery", GalleryResourceGroup: "galleries", Image: "image",
		}},
		Targets:     []packer.Target{target},
		Worker:      packer.Worker{Engine: "insecure", Version: "1"},
		Packages:    []string{"package"},
		Files:       []packer.File{{Path: "/file", Content: "content"}},
		Downloads:   []packer.Download{{URL: "https://download.invalid", SHA256: "0", Path: "/download"}},
		Scripts:     []packer.Script{{Name: "script", Content: "content", Environment: some, Secrets: map[string]packer.Secret{"S": "env:S"}}},
		Services:    []packer.Service{{Name: "service", Enabled: true, Unit: "unit"}},
		Environment: some, Tags: some,
		Storage:   packer.Storage{Use: true, FileSystem: "ext4", Mount: "/mount", For: []string{"tasks", "caches", "downloads"}},
		Hardening: packer.Hardening{BlockMetadata: true, SSH: true, TimeSync: true},
		Tests:     []packer.Test{{Name: "test", Command: "true"}},
	}
}
