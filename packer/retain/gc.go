package retain

import (
	"slices"
	"time"

	"github.com/workerkit/workerkit/packer/clouds"
)

// Finding is what becomes of something that a build has left.
type Finding struct {
	Resource clouds.Resource
	Kept     string // why it stays; it goes when empty
}

// GC decides about what builds have made for themselves. A run is as old as the youngest thing
// that it has made: nothing is taken from a build that may be going on, and nothing of a run in
// going is, whatever its age.
func GC(leftovers []clouds.Resource, olderThan time.Duration, going []string, now time.Time) []Finding {
	youngest := map[string]time.Time{}
	for _, r := range leftovers {
		if r.Made.After(youngest[r.Run]) {
			youngest[r.Run] = r.Made
		}
	}
	findings := make([]Finding, 0, len(leftovers))
	for _, r := range leftovers {
		f := Finding{Resource: r}
		made := youngest[r.Run]
		switch {
		case slices.Contains(going, r.Run):
			f.Kept = "its build is still going"
		case made.IsZero():
			f.Kept = unknownAge
		case now.Sub(made) < olderThan:
			f.Kept = "its build is younger than " + period(olderThan)
		}
		findings = append(findings, f)
	}
	return findings
}
