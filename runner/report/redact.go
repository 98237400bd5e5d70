package report

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
)

const hidden = "[redacted]"

// shortest is the length of a secret from which it is looked for: a shorter one is in every
// other word.
const shortest = 4

// Redact hides the secrets in text, and whatever looks like one: credentials, certificates,
// tokens, signatures, identity documents and user data.
func Redact(text string, secrets ...secret.String) string {
	return newRedactor(secrets).text(text)
}

// redactor hides what is secret.
type redactor struct {
	given []string
	looks []look
}

func newRedactor(secrets []secret.String) *redactor {
	r := &redactor{looks: looks()}
	for _, s := range secrets {
		for _, form := range forms(s.Reveal()) {
			if len(form) >= shortest && !slices.Contains(r.given, form) {
				r.given = append(r.given, form)
			}
		}
	}
	return r
}

// forms are the ways in which a secret is written: as it is, in a URL, in JSON, and each of its
// lines, since a log is cut into lines.
func forms(text string) []string {
	all := []string{text, url.QueryEscape(text), url.PathEscape(text)}
	if quoted, err := json.Marshal(text); err == nil {
		all = append(all, string(quoted[1:len(quoted)-1]))
	}
	for line := range strings.Lines(text) {
		all = append(all, strings.TrimSpace(line))
	}
	return all
}

// text hides what is secret in one text.
func (r *redactor) text(text string) string {
	text = r.hideGiven(text)
	for _, l := range r.looks {
		text = l.hide(text)
	}
	return text
}

// hideGiven hides the given secrets, also where they overlap.
func (r *redactor) hideGiven(text string) string {
	type span struct{ from, to int }
	var spans []span
	for _, s := range r.given {
		for at := 0; ; at++ {
			i := strings.Index(text[at:], s)
			if i < 0 {
				break
			}
			at += i
			spans = append(spans, span{at, at + len(s)})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out strings.Builder
	done := 0
	for _, s := range spans {
		if s.from >= done {
			out.WriteString(text[done:s.from])
			out.WriteString(hidden)
		}
		done = max(done, s.to)
	}
	out.WriteString(text[done:])
	return out.String()
}
