// Package retain decides which images and which leftovers of builds may go, and says of all
// others why they stay. It asks and changes nothing.
package retain

import (
	"fmt"
	"time"
)

// period writes a time that a rule is about: "30 days", "24 hours", "1h30m0s".
func period(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day && d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d hours", d/time.Hour)
	default:
		return d.String()
	}
}

// unknownAge is why something stays of which the cloud does not say when it was made.
const unknownAge = "of unknown age"
