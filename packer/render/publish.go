package render

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/packer"
)

// publish sets the variables that say where the image of one target goes.
func publish(all map[string]any, p packer.Publish, t packer.Target, version string) {
	switch t {
	case packer.AWS:
		all["aws_copy_to"], all["aws_share_with"] = p.Regions, p.Accounts
		all["aws_encrypt"], all["aws_kms_key"], all["aws_region_kms_keys"] = p.Encrypt, p.KMSKey, p.RegionKMSKeys
	case packer.GCP:
		all["gcp_locations"], all["gcp_kms_key"] = p.Locations, p.KMSKey
	case packer.Azure:
		all["azure_resource_group"] = p.ResourceGroup
		if p.Gallery == "" {
			return
		}
		all["azure_gallery"], all["azure_gallery_image"], all["azure_gallery_regions"] = p.Gallery, p.Image, p.Regions
		all["azure_gallery_resource_group"] = or(p.GalleryResourceGroup, p.ResourceGroup)
		all["azure_gallery_version"] = galleryVersion(version)
	case packer.QEMU: // a disk is where it is
	}
}

var (
	threeNumbers = regexp.MustCompile(`^([0-9]{1,9})[.-]([0-9]{1,9})[.-]([0-9]{1,9})$`)
	timeOfBuild  = regexp.MustCompile(`^([0-9]{4})([0-9]{2})([0-9]{8})$`) // and in a version 2026.1.2030405
)

// galleryVersion is a version as Azure's galleries want it: three numbers. It is empty, and the
// template takes the time, when nothing of the kind can be made of the image's own.
func galleryVersion(version string) string {
	for _, form := range []*regexp.Regexp{threeNumbers, timeOfBuild} {
		parts := form.FindStringSubmatch(version)
		if parts == nil {
			continue
		}
		var numbers []string
		for _, part := range parts[1:] {
			n, err := strconv.Atoi(part)
			if err != nil {
				return ""
			}
			numbers = append(numbers, fmt.Sprint(n)) // without leading zeros
		}
		return strings.Join(numbers, ".")
	}
	return ""
}
