// Package ledger is the file, under version control beside the definitions, that says which
// images there are: what each was made of, what has been found out about it, and which ones are
// in use.
package ledger

import (
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/record"
)

// FileName is the name of the ledger, in the folder of the definitions.
const FileName = "images.ledger.json"

// Ledger is the content of the file.
type Ledger struct {
	Builds   []Build              `json:"builds"`   // in the order in which they were made
	Channels map[string][]Version `json:"channels"` // "NAME/CHANNEL" → what was promoted to it, the last one counts
}

// Build is one image in one target.
type Build struct {
	Image      string            `json:"image"`
	Version    string            `json:"version"`
	Target     packer.Target     `json:"target"`
	Made       time.Time         `json:"made"`
	Run        string            `json:"run"`
	Artifacts  []record.Artifact `json:"artifacts"`
	Definition string            `json:"definition"`
	Parts      map[string]string `json:"parts"`
	Base       string            `json:"base"`
	Revision   string            `json:"revision,omitempty"`
	Sums       string            `json:"sums"` // sha256 of the record's checksums: names the record whole
	SBOM       string            `json:"sbom"` // sha256 of the SBOM
	Tests      []Test            `json:"tests,omitempty"`
	Revoked    *Revocation       `json:"revoked,omitempty"`
	Deleted    *time.Time        `json:"deleted,omitempty"` // prune has removed it from its cloud
}

// Version names all builds of an image that were made at once.
type Version struct {
	Version string    `json:"version"` // "": none any more
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"` // "promote", "rollback", "revoke"
}

// Test is the result of a test of the image.
type Test struct {
	Name   string    `json:"name"` // "boot aws", "hygiene", or a test of the definition
	Passed bool      `json:"passed"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail,omitempty"`
}

// Revocation says that an image must not be used any more.
type Revocation struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}
