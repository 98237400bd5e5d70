package queue

import (
	"strconv"
	"time"
)

const wireTime = "2006-01-02T15:04:05.000Z"

// Time is an instant as the queue's replies write it: UTC, milliseconds, "Z".
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) { return strconv.AppendQuote(nil, t.String()), nil }

// String is the instant as in replies and messages.
func (t Time) String() string { return t.UTC().Format(wireTime) }

// offsetTime is a Time that is written with a numeric offset, as a deployment's claimWork
// does: a worker that compares such strings instead of instants is to fail here, not there.
type offsetTime struct{ Time }

// MarshalJSON implements json.Marshaler.
func (t offsetTime) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, t.UTC().Format("2006-01-02T15:04:05.000-07:00")), nil
}
