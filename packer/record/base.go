package record

import (
	"strings"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
)

// BaseOf returns what exactly an image was built upon in a target: what the definition or the
// lock file pins, else what packer says that it found. Of Azure's marketplace, where packer tells
// nothing, it is "publisher:offer:sku:version"; of a local disk it is where the disk was, with
// its digest where that is known.
func BaseOf(target packer.Target, image packer.Image, lines []build.Line) string {
	base := image.Bases[target]
	switch {
	case target == packer.QEMU && base.SHA256 != "":
		return packer.PublicURL(base.Disk) + "@sha256:" + base.SHA256
	case target == packer.QEMU:
		return packer.PublicURL(base.Disk)
	case target == packer.Azure:
		return azure(base)
	case base.ID != "":
		return base.ID
	}
	mark := map[packer.Target]string{packer.AWS: ": Found Image ID: ", packer.GCP: ": Using image: "}[target]
	for _, l := range lines {
		if _, found, ok := strings.Cut(l.Text, mark); ok && mark != "" && l.Target == target {
			return strings.TrimSpace(found)
		}
	}
	return ""
}

func azure(base packer.Base) string {
	version := base.ID
	if version == "" {
		version = base.Version
	}
	switch {
	case base.Gallery == "":
		if version == "" {
			version = "latest"
		}
		return strings.Join([]string{base.Publisher, base.Offer, base.SKU, version}, ":")
	case version == "" || strings.Contains(strings.ToLower(base.Gallery), "/versions/"):
		return base.Gallery
	default:
		return strings.TrimSuffix(base.Gallery, "/") + "/versions/" + version
	}
}
