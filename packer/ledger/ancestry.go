package ledger

import (
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/record"
)

// Parent returns the build that b was built upon; nil when that is none of the ledger's, but the
// cloud's own.
func (l *Ledger) Parent(b *Build) *Build {
	if parent := l.Made(b.Target, b.Base); parent != b {
		return parent
	}
	return nil
}

// Made returns the build whose artifact a base is, as record.BaseOf names it; nil when it is none
// of the ledger's.
func (l *Ledger) Made(target packer.Target, base string) *Build {
	for i := range l.Builds {
		if b := &l.Builds[i]; b.Target == target && made(b, base) {
			return b
		}
	}
	return nil
}

// Ancestors lists what b was built upon, the nearest first.
func (l *Ledger) Ancestors(b *Build) []*Build {
	var all []*Build
	for parent := l.Parent(b); parent != nil && parent != b && !slices.Contains(all, parent); parent = l.Parent(parent) {
		all = append(all, parent)
	}
	return all
}

// Children lists what was built upon b.
func (l *Ledger) Children(b *Build) []*Build {
	var all []*Build
	for i := range l.Builds {
		if child := &l.Builds[i]; child != b && child.Target == b.Target && made(b, child.Base) {
			all = append(all, child)
		}
	}
	return all
}

// Descendants lists the children of b, their children, and so on; the nearest first.
func (l *Ledger) Descendants(b *Build) []*Build {
	var all []*Build
	for next := []*Build{b}; len(next) > 0; next = next[1:] {
		for _, child := range l.Children(next[0]) {
			if child != b && !slices.Contains(all, child) {
				all, next = append(all, child), append(next, child)
			}
		}
	}
	return all
}

// made tells whether a base is an artifact of the build.
func made(b *Build, base string) bool {
	return base != "" && slices.ContainsFunc(b.Artifacts, func(a record.Artifact) bool { return is(a, base) })
}

// is tells whether a base names the artifact: by its id, alone or after its region, whose case
// Azure does not keep; or, of a disk, by the digest at its end.
func is(a record.Artifact, base string) bool {
	if a.ID != "" && len(base) >= len(a.ID) {
		before, id := base[:len(base)-len(a.ID)], base[len(base)-len(a.ID):]
		if strings.EqualFold(id, a.ID) && (before == "" || strings.EqualFold(before, a.Region+":")) {
			return true
		}
	}
	sum := strings.TrimPrefix(a.SHA256, "sha256:")
	return sum != "" && strings.HasSuffix(base, "sha256:"+sum)
}
