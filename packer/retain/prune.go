package retain

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/ledger"
)

// Rules say which images stay in any case.
type Rules struct {
	Keep      int           // the newest ones of each image and region
	OlderThan time.Duration // only older ones go
	Unknown   bool          // those that the ledger does not have may go as well
}

// Situation is what is known of a target's images besides what the cloud says of each.
type Situation struct {
	Target packer.Target
	Ledger *ledger.Ledger
	Pools  map[string]string // the definition of each worker pool, as text
	Bases  map[string]string // ids of images that others are built upon, with the name of one that is
}

// Verdict is what becomes of an image.
type Verdict struct {
	Image clouds.Image
	Build *ledger.Build // nil when the ledger has none
	Kept  string        // why it stays; it goes when empty
}

// Prune decides about all images of one target, newest first. Who uses those that may go is not
// known yet: ask the cloud, tell each Verdict by Use, and call Together.
func Prune(images []clouds.Image, s Situation, r Rules, now time.Time) []Verdict {
	verdicts := make([]Verdict, 0, len(images))
	for _, i := range images {
		verdicts = append(verdicts, Verdict{Image: i, Build: s.build(i)})
	}
	slices.SortStableFunc(verdicts, func(a, b Verdict) int {
		if when := b.Image.Made.Compare(a.Image.Made); when != 0 {
			return when
		}
		return strings.Compare(a.Image.Region+a.Image.ID, b.Image.Region+b.Image.ID)
	})
	count := map[[2]string]int{}
	for n := range verdicts {
		v := &verdicts[n]
		newest := false
		// What must not be used takes no place of what may.
		if known := v.Build != nil || r.Unknown; known && (v.Build == nil || v.Build.Usable()) {
			of := [2]string{v.Image.Image, v.Image.Region}
			count[of]++
			newest = count[of] <= r.Keep
		}
		v.Kept = s.reason(*v, r, newest, now)
	}
	return verdicts
}

// reason is the first one for which an image stays; "" when there is none.
func (s Situation) reason(v Verdict, r Rules, newest bool, now time.Time) string {
	switch {
	case v.Build == nil && !r.Unknown:
		return "has no build in the ledger"
	case newest && r.Keep == 1:
		return "newest"
	case newest:
		return fmt.Sprintf("newest %d", r.Keep)
	case v.Image.Made.IsZero():
		return unknownAge
	case now.Sub(v.Image.Made) < r.OlderThan:
		return "younger than " + period(r.OlderThan)
	}
	if v.Build != nil {
		if why := InChannel(s.Ledger, v.Build); why != "" {
			return why
		}
	}
	for _, pool := range slices.Sorted(maps.Keys(s.Pools)) {
		if mentions(s.Pools[pool], v.Image.ID) {
			return "pool " + pool + " uses it"
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.Bases)) {
		if strings.EqualFold(id, v.Image.ID) {
			return "base of " + s.Bases[id]
		}
	}
	return ""
}

// InChannel tells which channel has a build, or would have it after a rollback; "" when none.
func InChannel(l *ledger.Ledger, b *ledger.Build) string {
	if at := l.ChannelsAt(b.Image, b.Version); len(at) > 0 {
		return "in channel " + strings.Join(at, ", ")
	}
	for _, channel := range l.ChannelNames(b.Image) {
		if l.Before(b.Image, channel) == b.Version {
			return "channel " + channel + " would roll back to it"
		}
	}
	return ""
}

// build finds the image in the ledger.
func (s Situation) build(i clouds.Image) *ledger.Build {
	for _, b := range s.Ledger.Find("", "", s.Target) {
		for _, a := range b.Artifacts {
			if strings.EqualFold(a.ID, i.ID) && (a.Region == "" || i.Region == "" || strings.EqualFold(a.Region, i.Region)) {
				return b
			}
		}
	}
	return nil
}

// mentions tells whether a text has an id as a whole: "linux-1" is not in "linux-10". Azure does
// not keep the case of ids.
func mentions(text, id string) bool {
	text, id = strings.ToLower(text), strings.ToLower(id)
	part := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	for from := 0; ; {
		n := strings.Index(text[from:], id)
		if n < 0 || id == "" {
			return false
		}
		begin, end := from+n, from+n+len(id)
		if (begin == 0 || !part(text[begin-1])) && (end == len(text) || !part(text[end])) {
			return true
		}
		from = begin + 1
	}
}

// Use notes who uses an image, as clouds.Images.Uses has it: it stays when somebody does.
func (v *Verdict) Use(uses []string) {
	const most = 3
	if v.Kept != "" || len(uses) == 0 {
		return
	}
	v.Kept = "in use: " + strings.Join(uses[:min(most, len(uses))], ", ")
	if more := len(uses) - most; more > 0 {
		v.Kept += fmt.Sprintf(" and %d more", more)
	}
}

// Together keeps the copies of an image that stays in one region: a build is there whole, or not
// at all.
func Together(verdicts []Verdict) {
	type build struct{ image, run string }
	kept := map[build]Verdict{}
	for _, v := range verdicts {
		if of := (build{v.Image.Image, v.Image.Run}); v.Kept != "" && kept[of].Kept == "" {
			kept[of] = v
		}
	}
	for n := range verdicts {
		v := &verdicts[n]
		other := kept[build{v.Image.Image, v.Image.Run}]
		if v.Kept == "" && v.Image.Run != "" && other.Kept != "" {
			v.Kept = fmt.Sprintf("copy of %s in %s (%s)", other.Image.ID, other.Image.Region, other.Kept)
		}
	}
}
