// Package report makes error reports for worker-manager, which everybody can read: within the
// service's limits, and with everything that is or looks secret hidden.
package report

import (
	"encoding/json"
	"runtime"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/runner/control"
)

// Failure is what went wrong.
type Failure struct {
	Kind   string // lower-case letters, digits and dashes: "registration-refused"
	Title  string // one line
	Err    error  // may be nil
	Phases []control.Phase
	Lines  []string // of the log, oldest first
	// Secrets are those that the runner knows: the proof's, tokens, certificates, the
	// registration secret.
	Secrets []secret.String
}

// The limits of a report. Those of texts are in characters; that of the extra part keeps the
// whole far below what the service takes.
const (
	shortText  = 128   // the service's, of kind and title
	longText   = 10240 // the service's, of the description
	lineText   = 1000
	mostLines  = 50
	mostPhases = 50
	extraBytes = 48 << 10
)

// extra is what a report has besides its texts.
type extra struct {
	Version string             `json:"version"`
	OS      string             `json:"os"`
	Phases  map[string]float64 `json:"phases"` // milliseconds
	Log     []string           `json:"log"`    // oldest first
}

// Build makes the report. It is a pure function.
func Build(f Failure) tc.WorkerError {
	r := newRedactor(f.Secrets)
	description := f.Title
	if f.Err != nil {
		description = f.Err.Error()
	}
	return tc.WorkerError{
		Kind:        cut(r.text(f.Kind), shortText),
		Title:       cut(oneLine(r.text(f.Title)), shortText),
		Description: cut(r.text(description), longText),
		Extra:       r.extra(f),
	}
}

// extra has the last lines of the log, fewer when they are too large.
func (r *redactor) extra(f Failure) json.RawMessage {
	e := extra{Version: version.String(), OS: runtime.GOOS + "/" + runtime.GOARCH, Phases: map[string]float64{}, Log: []string{}}
	for _, p := range f.Phases[:min(len(f.Phases), mostPhases)] {
		e.Phases[cut(r.text(p.Name), shortText)] = p.Millis
	}
	for _, line := range f.Lines[max(0, len(f.Lines)-mostLines):] {
		e.Log = append(e.Log, cut(r.text(line), lineText))
	}
	for {
		data, err := json.Marshal(e)
		switch {
		case err != nil: // a time that is no number
			e.Phases = map[string]float64{}
		case len(data) > extraBytes && len(e.Log) > 0:
			e.Log = e.Log[1:]
		default:
			return data
		}
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// cut shortens text to so many characters. It comes after all hiding, which would not know
// half a secret.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
