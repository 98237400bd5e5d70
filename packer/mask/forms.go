package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
)

// shortest is the length below which a form other than the plain one is left alone: three
// characters of base64 are found in any log, and say nothing.
const shortest = 4

// forms lists what a secret looks like in a log.
func forms(plain string) []string {
	if plain == "" {
		return nil
	}
	all := []string{plain}
	add := func(forms ...string) {
		for _, f := range forms {
			if len(f) >= shortest {
				all = append(all, f)
			}
		}
	}
	for text := range variants(plain) {
		add(text, url.QueryEscape(text), url.PathEscape(text), percent(text), lower(percent(text)))
		add(quoted(text, true), quoted(text, false))
		for skip := range 3 {
			inner := aligned(text, skip)
			add(inner, strings.NewReplacer("+", "-", "/", "_").Replace(inner), url.QueryEscape(inner))
		}
	}
	return all
}

// variants are the secret itself and, of a key or certificate, each of its lines: packer prints
// output line by line, with a prefix.
func variants(plain string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if !yield(plain) {
			return
		}
		trimmed := strings.TrimSpace(plain)
		if trimmed != plain && !yield(trimmed) {
			return
		}
		if !strings.Contains(trimmed, "\n") {
			return
		}
		for line := range strings.SplitSeq(trimmed, "\n") {
			if line = strings.TrimSpace(line); len(line) >= 2*shortest && !strings.HasPrefix(line, "-----") && !yield(line) {
				return
			}
		}
	}
}

// aligned is the part of the base64 of any text in which s begins skip bytes after a multiple
// of three that depends on s alone.
func aligned(s string, skip int) string {
	data := append(make([]byte, skip), s...)
	encoded := base64.RawStdEncoding.EncodeToString(data)
	from := (skip*8 + 5) / 6 // the first character without a bit of what stands before
	to := len(data) * 8 / 6  // and the last without one of what follows
	if from >= to {
		return ""
	}
	return encoded[from:to]
}

// quoted is s inside a JSON string.
func quoted(s string, html bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(html)
	if err := enc.Encode(s); err != nil { // a string always encodes
		return ""
	}
	return strings.TrimSuffix(b.String(), "\"\n")[1:]
}

// percent escapes all that RFC 3986 does not call unreserved, as most programs but Go's do.
func percent(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// lower writes the digits of percent-escapes as some programs do, %2f for %2F.
func lower(escaped string) string {
	out := []byte(escaped)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' {
			copy(out[i+1:], strings.ToLower(escaped[i+1:i+3]))
		}
	}
	return string(out)
}

// Forms lists what New looks for of one secret, for whoever searches bytes rather than text.
// None of them may be shown.
func Forms(s secret.String) []string { return forms(s.Reveal()) }
