// Package record writes what a build leaves for those who ask later what an image is: a manifest,
// an SBOM, checksums, a signature over them, and a page for people.
package record

import (
	"time"

	"github.com/workerkit/workerkit/packer"
)

// The files of a record, in its folder.
const (
	ManifestFile  = "manifest.json"      // Record
	InventoryFile = "inventory.json"     // inventory.Inventory
	SBOMFile      = "sbom.cdx.json"      // CycloneDX
	LogFile       = "build.log"          // packer's, without secrets
	PageFile      = "index.html"         // all of it, for people
	SumsFile      = "sha256sums"         // of the files above, as sha256sum writes and checks them
	SignatureFile = "sha256sums.sig"     // ed25519, over SumsFile
	KeyFile       = "sha256sums.pub.pem" // whose signature it is
)

// Record is the manifest of one build for one target.
type Record struct {
	Image      string            `json:"image"`
	Version    string            `json:"version"`
	Target     packer.Target     `json:"target"`
	Run        string            `json:"run"` // the tag on all that the build made
	Definition string            `json:"definition"`
	Parts      map[string]string `json:"parts"`    // see plan.Parts: what the hash is made of
	Resolved   packer.Image      `json:"resolved"` // the definition, without secrets
	Base       string            `json:"base"`     // exactly what it was built upon
	Revision   string            `json:"revision,omitempty"`
	Tool       string            `json:"tool"`   // version of worker-images
	Packer     string            `json:"packer"` // version of packer
	Artifacts  []Artifact        `json:"artifacts"`
	Began      time.Time         `json:"began"`
	Took       float64           `json:"took"` // seconds
	Steps      []Step            `json:"steps"`
}

// Artifact is what was built: an image in a cloud, or a file.
type Artifact struct {
	Region string `json:"region,omitempty"`
	ID     string `json:"id,omitempty"`
	File   string `json:"file,omitempty"` // its name, not its folder
	Bytes  int64  `json:"bytes,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// Step is a part of the build.
type Step struct {
	Name string  `json:"name"`
	Took float64 `json:"took"` // seconds
}

// String names an artifact in one line.
func (a Artifact) String() string {
	switch {
	case a.File != "":
		return a.File
	case a.Region != "":
		return a.Region + ":" + a.ID
	}
	return a.ID
}
