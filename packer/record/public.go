package record

import (
	"maps"
	"slices"

	"github.com/workerkit/workerkit/packer"
)

// public is the record as everybody may read it. A definition refers to secrets and holds none,
// but for a user and password that somebody has put into a URL. From, which tells the lines of
// the definition, is another whenever a line moves: it says nothing about the image.
func public(r Record) Record {
	image := r.Resolved
	image.From = nil
	image.Downloads = slices.Clone(image.Downloads)
	for i := range image.Downloads {
		image.Downloads[i].URL = packer.PublicURL(image.Downloads[i].URL)
	}
	image.Bases = maps.Clone(image.Bases)
	for t, b := range image.Bases {
		b.Disk = packer.PublicURL(b.Disk)
		image.Bases[t] = b
	}
	if r.Target == packer.QEMU {
		r.Base = packer.PublicURL(r.Base)
	}
	r.Resolved = image
	return r
}
