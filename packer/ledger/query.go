package ledger

import (
	"errors"
	"fmt"

	"github.com/workerkit/workerkit/packer"
)

// ErrUnknown is for an image, a version or a target of which the ledger has no build.
var ErrUnknown = errors.New("the ledger has no such build")

// Add adds a build. The build of one image, version and target can be added once.
func (l *Ledger) Add(b Build) error {
	seen := map[string]bool{}
	for _, there := range l.Find(b.Image, b.Version, b.Target) {
		seen[there.String()] = true
	}
	if err := b.check(seen); err != nil {
		return err
	}
	l.Builds = append(l.Builds, b)
	return nil
}

// String names the build.
func (b Build) String() string { return fmt.Sprintf("%s %s %s", b.Image, b.Version, b.Target) }

// Find returns the builds of an image, a version and a target, in the order in which they were
// made. What is empty may be anything. They are the ledger's own: a change of one changes it.
func (l *Ledger) Find(image, version string, target packer.Target) []*Build {
	var found []*Build
	for i := range l.Builds {
		b := &l.Builds[i]
		if (image == "" || b.Image == image) && (version == "" || b.Version == version) && (target == "" || b.Target == target) {
			found = append(found, b)
		}
	}
	return found
}

// Usable tells whether machines may be made from the build: it is neither revoked nor deleted.
func (b Build) Usable() bool { return b.Revoked == nil && b.Deleted == nil }

// Latest returns the last usable build of an image in a target that was made of a definition, of
// any when that is empty; nil when there is none.
func (l *Ledger) Latest(image string, target packer.Target, definition string) *Build {
	var latest *Build
	for _, b := range l.Find(image, "", target) {
		if b.Usable() && (definition == "" || b.Definition == definition) {
			latest = b
		}
	}
	return latest
}

// AddTest notes the result of a test of all builds of a version, or of that of one target. Of two
// results of one test the later counts.
func (l *Ledger) AddTest(image, version string, target packer.Target, t Test) error {
	builds := l.Find(image, version, target)
	if len(builds) == 0 {
		return fmt.Errorf("%s %s %s: %w", image, version, target, ErrUnknown)
	}
	for _, b := range builds {
		b.Tests = append(b.Tests, t)
	}
	return nil
}

// Failed lists the tests whose last result is that they failed.
func (b Build) Failed() []string {
	last := map[string]bool{}
	var names []string
	for _, t := range b.Tests {
		if _, known := last[t.Name]; !known {
			names = append(names, t.Name)
		}
		last[t.Name] = t.Passed
	}
	var failed []string
	for _, name := range names {
		if !last[name] {
			failed = append(failed, name)
		}
	}
	return failed
}
