// Package measure is what the benchmarks share: a session with delayed services, the calls
// that were made, medians, the memory of a process, and the rows of the table.
package measure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// Call is one API call, or one request to the store of artifacts, as taskcluster-local saw it.
type Call struct {
	Service, Method string
	Status          int
	Start, End      time.Time
}

// ReadCalls reads the calls that were recorded so far, in order of their start.
func ReadCalls(file string) ([]Call, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	var calls []Call
	for line := range bytes.Lines(data) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // still being written
		}
		var c Call
		if err := json.Unmarshal(line, &c); err != nil {
			return nil, fmt.Errorf("read calls: %w", err)
		}
		calls = append(calls, c)
	}
	slices.SortStableFunc(calls, func(a, b Call) int { return a.Start.Compare(b.Start) })
	return calls, nil
}

// Span is a stretch of time and the calls in it.
type Span struct {
	Wall  time.Duration
	Own   time.Duration // Wall without the time in which at least one call was in flight
	Calls int           // that ended in it
}

// Between measures the time between two moments. calls are in order of their start.
func Between(from, to time.Time, calls []Call) Span {
	s := Span{Wall: to.Sub(from)}
	s.Own = s.Wall
	covered := from
	for _, c := range calls {
		if c.End.After(from) && !c.End.After(to) {
			s.Calls++
		}
		begin, end := later(c.Start, covered), earlier(c.End, to)
		if end.After(begin) {
			s.Own -= end.Sub(begin)
			covered = end
		}
	}
	return s
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
