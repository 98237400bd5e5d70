// Package clouds is what worker-images asks of a cloud's API beyond what packer does there: which
// image a base is today, which images are ours and who uses them, and what a build that broke has
// left behind. Each folder below it is one cloud, by the cloud's own SDK.
package clouds

import (
	"context"
	"errors"
	"time"

	"github.com/workerkit/workerkit/packer"
)

// The tags (labels on Google) that the templates put on all that a build makes. Nothing without
// TagName is ever listed or deleted.
const (
	TagName       = "workerkit"            // the image's name
	TagDefinition = "workerkit-definition" // packer.Hash of the definition; Google's form of it there
	TagRun        = "workerkit-run"        // which build made it
)

// ErrNotFound is for a base of which the cloud has no image.
var ErrNotFound = errors.New("the cloud has no such image")

// ErrCredentials is for a cloud that lets us in nowhere. Its text tells which credentials are
// looked for, and where.
var ErrCredentials = errors.New("no credentials")

// Cloud is one cloud as one account sees it. It is safe for concurrent use. Calls that fail for
// a moment are repeated by the SDK; errors name the call and hold no credentials.
type Cloud interface {
	Resolver
	Images
	Leftovers
}

// Resolver finds bases.
type Resolver interface {
	// Newest returns the image that the base finds today, for an architecture, or ErrNotFound.
	Newest(ctx context.Context, base packer.Base, arch string) (Found, error)
}

// Found is the image that a base is.
type Found struct {
	ID   string    // as packer.Base.ID
	Name string    // for people
	Made time.Time // zero where the cloud does not tell
}

// Images are those that carry our tag.
type Images interface {
	// Images lists them, copies in other regions included.
	Images(ctx context.Context) ([]Image, error)
	// Uses tells who uses an image: "instance i-1", "launch template x version 2", "shared with
	// 123456789012". What may not be looked at counts, and is named. None when empty.
	Uses(ctx context.Context, image Image) ([]string, error)
	// Delete removes an image and the snapshots that are its alone. One that is gone is no error;
	// one that has not our tag now is.
	Delete(ctx context.Context, image Image) error
}

// Image is an image that a build has made.
type Image struct {
	Region     string // of AWS and Azure
	ID         string // as build.Artifact.ID
	Name       string
	Image      string // TagName: the image's name in the definitions
	Definition string // TagDefinition
	Run        string // TagRun
	Made       time.Time
}

// Leftovers are what builds need while they run and should remove: machines, disks, keys,
// security groups, addresses, resource groups.
type Leftovers interface {
	// Leftovers lists what carries our run's tag, whether its build still runs or not.
	Leftovers(ctx context.Context) ([]Resource, error)
	// Remove removes one and waits until that has been accepted. One that is gone is no error; one
	// that is not a build's now is.
	Remove(ctx context.Context, r Resource) error
}

// Resource is something that a build has made for itself.
type Resource struct {
	Kind   string // in the cloud's words: "instance", "key pair", "resource group"
	Region string // region or zone
	ID     string
	Run    string
	Made   time.Time // zero where the cloud does not tell
}
