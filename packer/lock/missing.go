package lock

import (
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/packer"
)

// Missing is a value that an image leaves open: neither its definition nor the lock file has it.
type Missing struct {
	Key    string // of Image.From: where the value would be
	From   string // where what it belongs to was written
	Digest bool   // without it nobody can tell whether what is fetched is right
	Text   string // the block that the lock file lacks, without passwords of URLs
}

// MissingPins lists what an image leaves open, for the targets that it has.
func MissingPins(image packer.Image) []Missing {
	var all []Missing
	for _, t := range image.Targets {
		b := image.Bases[t]
		if key := KeyOf(t, b); key.Query != "" && b.ID == "" {
			all = append(all, Missing{
				Key: packer.Key("base", string(t), "id"), From: originOf(image, packer.Key("base", string(t))),
				Text: fmt.Sprintf("base %q %q", t, key.Query),
			})
		}
		if strings.Contains(b.Disk, "://") && b.SHA256 == "" {
			all = append(all, Missing{
				Key: packer.Key("base", string(t), "sha256"), From: image.From[packer.Key("base", string(t), "disk")],
				Digest: true, Text: fmt.Sprintf("download %q", packer.PublicURL(b.Disk)),
			})
		}
	}
	for _, d := range image.Downloads {
		if d.SHA256 == "" {
			all = append(all, Missing{
				Key: packer.Key("download", d.Path, "sha256"), From: image.From[packer.Key("download", d.Path, "url")],
				Digest: true, Text: fmt.Sprintf("download %q", packer.PublicURL(d.URL)),
			})
		}
	}
	return all
}

// originOf is where the base was written: the place of the attribute that names it.
func originOf(image packer.Image, base string) string {
	for _, name := range []string{"filter", "family", "publisher"} {
		if from := image.From[base+"."+name]; from != "" {
			return from
		}
	}
	return ""
}
