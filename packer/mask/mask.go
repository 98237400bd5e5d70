// Package mask keeps secrets out of logs: it replaces every form of a secret that programs
// commonly print, in a text or in a stream.
package mask

import (
	"slices"

	"github.com/workerkit/workerkit/internal/secret"
)

// Mark stands in a text where a secret was.
const Mark = "[masked]"

// Masker knows the forms of some secrets. It does not change and may be used concurrently.
type Masker struct {
	// byFirst holds the forms by their first byte, the longest first: most bytes of a log
	// start none.
	byFirst [256][]string
}

// New prepares for the secrets: as they are, line by line when they have several, in base64 at
// each of the three alignments, escaped for URLs and for JSON. Base64 that is broken into lines
// in the middle of a secret is not recognised.
func New(secrets ...secret.String) *Masker {
	m := &Masker{}
	for _, s := range secrets {
		for _, form := range forms(s.Reveal()) {
			first := form[0]
			if !slices.Contains(m.byFirst[first], form) {
				m.byFirst[first] = append(m.byFirst[first], form)
			}
		}
	}
	for i := range m.byFirst {
		slices.SortFunc(m.byFirst[i], func(a, b string) int { return len(b) - len(a) })
	}
	return m
}

// String returns text with Mark in place of each secret.
func (m *Masker) String(text string) string {
	out, _, _ := m.scan(nil, []byte(text), 0, true)
	return string(out)
}
