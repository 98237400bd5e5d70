package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/packer"
)

// Production is the channel that is meant where none is named.
const Production = "production"

// What Version.By can be.
const (
	byPromote  = "promote"
	byRollback = "rollback"
	byRevoke   = "revoke" // the version before, or none, since the one that was in use was revoked
)

// ErrNothing is for a channel to which nothing can be rolled back.
var ErrNothing = errors.New("no earlier version is usable")

// Promotion says which version a channel is to have.
type Promotion struct {
	Image   string
	Version string
	Channel string
	Targets []packer.Target // those that the definition has: a build for each must be there
	Force   bool            // although a target lacks, or a test failed
	At      time.Time
}

// key is the name of a channel in the file.
func key(image, channel string) string { return image + "/" + channel }

// Promote makes a version the current one of a channel. Of a version that is unknown, revoked or
// deleted it is an error, whatever Force says. Without Force so is one that lacks a target, and
// one with a test whose last result is that it failed.
func (l *Ledger) Promote(p Promotion) error {
	if err := l.promotable(p); err != nil {
		return fmt.Errorf("promote %s %s: %w", p.Image, p.Version, err)
	}
	if l.Current(p.Image, p.Channel) != p.Version {
		l.note(key(p.Image, p.Channel), Version{Version: p.Version, At: p.At, By: byPromote})
	}
	return nil
}

func (l *Ledger) promotable(p Promotion) error {
	if p.Channel == "" || strings.Contains(p.Channel, "/") {
		return fmt.Errorf("%q is no name of a channel", p.Channel)
	}
	builds := l.Find(p.Image, p.Version, "")
	if len(builds) == 0 {
		return ErrUnknown
	}
	var broken []error
	for _, b := range builds {
		switch {
		case b.Revoked != nil:
			return fmt.Errorf("%s was revoked: %s: build the image again", b.Target, b.Revoked.Reason)
		case b.Deleted != nil:
			return fmt.Errorf("the image in %s was deleted: build it again", b.Target)
		}
		if failed := b.Failed(); len(failed) > 0 {
			broken = append(broken, fmt.Errorf("%s failed %s", b.Target, strings.Join(failed, ", ")))
		}
	}
	for _, t := range p.Targets {
		if len(l.Find(p.Image, p.Version, t)) == 0 {
			broken = append(broken, fmt.Errorf("it was not built for %s", t))
		}
	}
	if len(broken) == 0 || p.Force {
		return nil
	}
	var texts []string
	for _, err := range broken {
		texts = append(texts, err.Error())
	}
	return errors.New(strings.Join(texts, "; ") + ": build it anew, or use --force")
}

// Current returns the version that a channel has; "" when it has none.
func (l *Ledger) Current(image, channel string) string {
	history := l.Channels[key(image, channel)]
	if len(history) == 0 {
		return ""
	}
	return history[len(history)-1].Version
}

// ChannelsAt lists the channels whose current version is this one.
func (l *Ledger) ChannelsAt(image, version string) []string {
	var channels []string
	for _, k := range slices.Sorted(maps.Keys(l.Channels)) {
		if of, channel, _ := strings.Cut(k, "/"); of == image && l.Current(image, channel) == version {
			channels = append(channels, channel)
		}
	}
	return channels
}

// Rollback gives a channel the usable version that was promoted before its current one, and
// returns it. ErrNothing means that there is none; the channel then stays as it is.
func (l *Ledger) Rollback(image, channel string, at time.Time) (string, error) {
	before := l.Before(image, channel)
	if before == "" {
		return "", fmt.Errorf("roll back %s of %s: %w", channel, image, ErrNothing)
	}
	l.note(key(image, channel), Version{Version: before, At: at, By: byRollback})
	return before, nil
}

// Before returns the version to which Rollback goes; "" when there is none.
func (l *Ledger) Before(image, channel string) string {
	stack := promoted(l.Channels[key(image, channel)])
	if len(stack) == 0 {
		return ""
	}
	for _, version := range slices.Backward(stack[:len(stack)-1]) {
		if l.usable(image, version) && version != stack[len(stack)-1] {
			return version
		}
	}
	return ""
}

// usable tells whether a channel may have the version: no build of it is revoked or deleted.
func (l *Ledger) usable(image, version string) bool {
	builds := l.Find(image, version, "")
	return len(builds) > 0 && !slices.ContainsFunc(builds, func(b *Build) bool { return !b.Usable() })
}

// promoted is what is in use, above what would be after each further rollback: a promotion puts a
// version on top, everything else takes versions away until its own is on top.
func promoted(history []Version) []string {
	var stack []string
	for _, v := range history {
		if v.By != byRollback && v.By != byRevoke {
			stack = append(stack, v.Version)
			continue
		}
		for len(stack) > 0 && stack[len(stack)-1] != v.Version {
			stack = stack[:len(stack)-1]
		}
		if len(stack) == 0 && v.Version != "" { // written by hand
			stack = append(stack, v.Version)
		}
	}
	return stack
}

func (l *Ledger) note(channel string, v Version) {
	if l.Channels == nil {
		l.Channels = map[string][]Version{}
	}
	l.Channels[channel] = append(l.Channels[channel], v)
}
