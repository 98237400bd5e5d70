package pools

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/record"
)

// Images says which image machines are to boot, and which ones it takes the place of.
type Images struct {
	Name    string // of the image in the definitions
	Version string
	// Project is Google's project of the image, for a launch config that has an image of
	// somebody else's project.
	Project string
	Ledger  *ledger.Ledger
}

// known tells whether an image is an artifact of any build.
func (i Images) known(target packer.Target, image string) bool {
	for _, b := range i.Ledger.Find(i.Name, "", target) {
		for _, a := range b.Artifacts {
			if a.ID != "" && same(target, a.ID, image) {
				return true
			}
		}
	}
	return false
}

// next is the image for a place, in the form that the place has.
func (i Images) next(p place) (string, error) {
	builds := i.Ledger.Find(i.Name, i.Version, p.target)
	if len(builds) == 0 {
		return "", fmt.Errorf("%s %s has no build for %s in the ledger: worker-images build %s --target %s", i.Name, i.Version, p.target, i.Name, p.target)
	}
	b := builds[len(builds)-1]
	if err := unusable(b); err != nil {
		return "", err
	}
	for _, a := range b.Artifacts {
		if a.ID != "" && (a.Region == "" || strings.EqualFold(region(a.Region), p.region)) {
			return i.form(p, a)
		}
	}
	return "", fmt.Errorf("%s has no image in %s: add the region to `publish` in the definition, and build it", b, p.region)
}

// form writes an artifact as the place has it: Google's as a path, in the project of the image
// before it if that is ours.
func (i Images) form(p place, a record.Artifact) (string, error) {
	if p.target != packer.GCP || strings.Contains(a.ID, "/") {
		return a.ID, nil
	}
	former := p.image()
	if imageName(former) == a.ID {
		return former, nil
	}
	if path, ours := strings.CutSuffix(former, imageName(former)); ours && path != "" && i.known(p.target, former) {
		return path + a.ID, nil
	}
	if i.Project == "" {
		return "", fmt.Errorf("it is not known in which Google project the image %s is: set GOOGLE_CLOUD_PROJECT", a.ID)
	}
	return "projects/" + i.Project + "/global/images/" + a.ID, nil
}

// Usable is an error when the pool has an image of ours that was revoked or deleted.
func (d Definition) Usable(l *ledger.Ledger) error {
	for _, launch := range d.launches() {
		for _, p := range placesOf(launch) {
			for _, b := range l.Find("", "", p.target) {
				has := slices.ContainsFunc(b.Artifacts, func(a record.Artifact) bool { return a.ID != "" && same(p.target, a.ID, p.image()) })
				if has && !b.Usable() {
					return unusable(b)
				}
			}
		}
	}
	return nil
}

// unusable says why no machines may be made from a build; nil when they may.
func unusable(b *ledger.Build) error {
	switch {
	case b.Revoked != nil:
		return fmt.Errorf("%s was revoked: %s", b, b.Revoked.Reason)
	case b.Deleted != nil:
		return fmt.Errorf("the images of %s have been deleted", b)
	}
	return nil
}

// Pick decides which version of an image is meant: that one, that of a channel, or the last one
// of which a build is usable. One that is revoked or deleted throughout is an error.
func Pick(l *ledger.Ledger, name, version, channel string) (string, error) {
	if version == "" && channel != "" {
		if version = l.Current(name, channel); version == "" {
			return "", fmt.Errorf("the channel %s of %s has no version: worker-images ledger promote gives it one, and --version or --newest choose another", channel, name)
		}
	}
	builds := l.Find(name, version, "")
	if len(builds) == 0 {
		return "", fmt.Errorf("the ledger has no version %q of %s", version, name)
	}
	for _, b := range slices.Backward(builds) {
		if b.Usable() {
			return b.Version, nil
		}
	}
	last := builds[len(builds)-1]
	switch {
	case version == "":
		return "", fmt.Errorf("no version of %s is usable: all are revoked or deleted", name)
	case last.Revoked != nil:
		return "", fmt.Errorf("%s %s was revoked: %s", name, version, last.Revoked.Reason)
	default:
		return "", errors.New("the images of " + name + " " + version + " have been deleted")
	}
}
