package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/lock"
	"github.com/workerkit/workerkit/packer/record"
)

// Step is what is to be done about one image in one target.
type Step struct {
	Image  string        `json:"image"`
	Target packer.Target `json:"target"`
	Build  bool          `json:"build"`
	// Blocked tells that a build would make nothing that may be used: Why says what comes first.
	Blocked    bool              `json:"blocked,omitempty"`
	Why        string            `json:"why"`
	Notes      []string          `json:"notes,omitempty"` // what to know although it changes nothing now
	Definition string            `json:"definition"`
	Parts      map[string]string `json:"parts"`
	// Existing is the usable build that makes another needless.
	Existing *ledger.Build `json:"existing,omitempty"`
	// Commands are what does it.
	Commands []string `json:"commands,omitempty"`
}

// Planner knows what there is.
type Planner struct {
	Definitions *Definitions
	Ledger      *ledger.Ledger
	// Record returns the record of a build, to say what has changed since; nil when there is
	// none. It may be nil itself.
	Record func(b *ledger.Build) *record.Record
}

// Make plans all targets of the images, in their order. All that fails is said at once, and then
// there is no plan.
func (p *Planner) Make(images []packer.Image) ([]Step, error) {
	var steps []Step
	var wrong []error
	for _, image := range images {
		for _, t := range image.Targets {
			step, err := p.One(image, t)
			steps, wrong = append(steps, step), append(wrong, err)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	p.noteParents(images, steps)
	return steps, nil
}

// One plans one image in one target.
func (p *Planner) One(image packer.Image, target packer.Target) (Step, error) {
	definition, err := p.Definitions.Of(image, target)
	if err != nil {
		return Step{}, err
	}
	s := Step{Image: image.Name, Target: target, Definition: definition.Hash, Parts: definition.Parts}
	s.Existing = p.Ledger.Latest(image.Name, target, definition.Hash)
	parent := p.parent(image, target)
	switch blocked := p.blocked(parent); {
	case blocked != "":
		s.Blocked, s.Why = true, blocked
		s.Commands = []string{"worker-images update " + image.Name + " --only bases"}
	case s.Existing == nil:
		s.Build, s.Why = true, p.whyNew(image, s)
	default:
		s.Why = p.whyAgain(image, s)
		s.Build = s.Why != ""
	}
	switch {
	case s.Build:
		s.Existing = nil
		s.Commands = []string{fmt.Sprintf("worker-images build %s --target %s", image.Name, target)}
	case !s.Blocked:
		s.Why = fmt.Sprintf("unchanged since %s (%s)", s.Existing.Version, ids(s.Existing))
	}
	if newer := p.newer(parent); newer != "" && !s.Blocked {
		s.Notes = append(s.Notes, newer)
	}
	return s, nil
}

// parent is the build of ours that the image's base is pinned to; nil when it is somebody else's.
func (p *Planner) parent(image packer.Image, target packer.Target) *ledger.Build {
	return p.Ledger.Made(target, record.BaseOf(target, image, nil))
}

// blocked says why nothing may be built upon the parent; "" when it may.
func (p *Planner) blocked(parent *ledger.Build) string {
	if parent == nil {
		return ""
	}
	next := fmt.Sprintf("build %s, then pin the new one", parent.Image)
	if parent.Revoked != nil {
		return fmt.Sprintf("its base %s %s (ours) was revoked: %s: %s", parent.Image, parent.Version, parent.Revoked.Reason, next)
	}
	if parent.Deleted != nil {
		return fmt.Sprintf("its base %s %s (ours) was deleted: %s", parent.Image, parent.Version, next)
	}
	for _, older := range p.Ledger.Ancestors(parent) {
		if older.Revoked != nil {
			return fmt.Sprintf("its base %s %s (ours) is built upon %s %s, which was revoked: %s: %s",
				parent.Image, parent.Version, older.Image, older.Version, older.Revoked.Reason, next)
		}
	}
	return ""
}

// newer tells of a later build of the parent's image.
func (p *Planner) newer(parent *ledger.Build) string {
	if parent == nil {
		return ""
	}
	latest := p.Ledger.Latest(parent.Image, parent.Target, "")
	if latest == nil || latest.Version == parent.Version {
		return ""
	}
	return fmt.Sprintf("its base %s %s (ours) was rebuilt as %s: `worker-images update` pins it", parent.Image, parent.Version, latest.Version)
}

// noteParents tells of bases of ours that the same plan builds.
func (p *Planner) noteParents(images []packer.Image, steps []Step) {
	type place struct {
		image  string
		target packer.Target
	}
	building, named := map[place]bool{}, map[string]packer.Image{}
	for _, s := range steps {
		building[place{s.Image, s.Target}] = s.Build
	}
	for _, image := range images {
		named[image.Name] = image
	}
	for i := range steps {
		s := &steps[i]
		if parent := p.parent(named[s.Image], s.Target); parent != nil && building[place{parent.Image, s.Target}] {
			s.Notes = append(s.Notes, fmt.Sprintf("its base %s (ours) is to be built as well: build it first, then `worker-images update %s --only bases`", parent.Image, s.Image))
		}
	}
}

// whyNew says why there is no usable build of the definition.
func (p *Planner) whyNew(image packer.Image, s Step) string {
	builds := p.Ledger.Find(s.Image, "", s.Target)
	if len(builds) == 0 {
		return "never built"
	}
	for i := range builds {
		same := builds[len(builds)-1-i]
		switch {
		case same.Definition != s.Definition:
		case same.Revoked != nil:
			return fmt.Sprintf("%s was revoked: %s", same.Version, same.Revoked.Reason)
		default:
			return fmt.Sprintf("the image of %s was deleted", same.Version)
		}
	}
	last := p.Ledger.Latest(s.Image, s.Target, "")
	if last == nil {
		last = builds[len(builds)-1]
	}
	return p.changes(image, s, last)
}

// whyAgain says why the build that exists does not do; "" when it does.
func (p *Planner) whyAgain(image packer.Image, s Step) string {
	for _, older := range p.Ledger.Ancestors(s.Existing) {
		if older.Revoked != nil {
			return fmt.Sprintf("%s is built upon %s %s (ours), which was revoked: %s", s.Existing.Version, older.Image, older.Version, older.Revoked.Reason)
		}
	}
	const unknown = ": nobody knows whether it has changed"
	if missing := lock.MissingPins(image.For(s.Target)); len(missing) > 0 {
		if first := missing[0]; first.Digest {
			return strings.TrimPrefix(first.Text, "download ") + " has no sha256" + unknown
		}
		return "base is not pinned" + unknown
	}
	if b := image.Bases[s.Target]; s.Target == packer.QEMU && b.SHA256 == "" {
		return fmt.Sprintf("base %q has no sha256%s", b.Disk, unknown)
	}
	return ""
}

// ids names the artifacts of a build.
func ids(b *ledger.Build) string {
	var all []string
	for _, a := range b.Artifacts {
		switch {
		case a.ID != "" && a.Region != "":
			all = append(all, a.ID+" in "+a.Region)
		case a.ID != "":
			all = append(all, a.ID)
		default:
			all = append(all, a.File)
		}
	}
	return strings.Join(all, ", ")
}
