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

// Revoked is what a revocation has done, and what it leaves to people.
type Revoked struct {
	Builds   []*Build // those that are revoked now and were not
	Channels []Moved  // those that had the version
	Children []*Build // usable builds upon what was revoked, and upon those
}

// Moved is a channel that had to give up its version.
type Moved struct {
	Channel string `json:"channel"`
	Now     string `json:"now"` // the usable version promoted before; "" when there is none: the channel is empty
}

// Revoke says of a version, or of one target of it, that it must not be used any more. Channels
// that had it go back to the usable version before, or are empty. The children stay as they
// are. To revoke what is revoked changes nothing but is no error.
func (l *Ledger) Revoke(image, version string, target packer.Target, reason string, at time.Time) (Revoked, error) {
	builds := l.Find(image, version, target)
	switch {
	case image == "" || version == "" || len(builds) == 0:
		return Revoked{}, fmt.Errorf("revoke %s %s %s: %w", image, version, target, ErrUnknown)
	case strings.TrimSpace(reason) == "":
		return Revoked{}, errors.New("revoke: a reason is needed")
	}
	var done Revoked
	for _, b := range builds {
		if b.Revoked == nil {
			b.Revoked = &Revocation{At: at, Reason: reason}
			done.Builds = append(done.Builds, b)
		}
	}
	for _, channel := range l.ChannelsAt(image, version) {
		now := l.Before(image, channel)
		l.note(key(image, channel), Version{Version: now, At: at, By: byRevoke})
		done.Channels = append(done.Channels, Moved{channel, now})
	}
	for _, b := range builds {
		for _, child := range l.Descendants(b) {
			if child.Usable() && !slices.Contains(done.Children, child) {
				done.Children = append(done.Children, child)
			}
		}
	}
	return done, nil
}

// ChannelNames lists the channels of an image.
func (l *Ledger) ChannelNames(image string) []string {
	var names []string
	for _, k := range slices.Sorted(maps.Keys(l.Channels)) {
		if of, channel, _ := strings.Cut(k, "/"); of == image {
			names = append(names, channel)
		}
	}
	return names
}
