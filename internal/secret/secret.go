// Package secret holds values that no log, error, JSON or formatted string may show.
package secret

import (
	"encoding/json"
	"log/slog"
	"unique"
)

const redacted = "[redacted]"

// String is a secret text. Every way of printing it shows "[redacted]" (or nothing
// when it is empty); only Reveal gives the text. It decodes from a JSON or YAML string.
// The zero value is the empty secret. Values are comparable and safe for concurrent use.
//
// The text is behind a handle and not a plain field: fmt cannot call the methods of a value in
// somebody's unexported field, and would print a plain field as it is.
type String struct{ text unique.Handle[string] }

// New wraps text.
func New(text string) String {
	if text == "" {
		return String{} // equal to the zero value
	}
	return String{text: unique.Make(text)}
}

// Reveal returns the text itself. Call it only where the text goes to its one recipient.
func (s String) Reveal() string {
	if s.Empty() {
		return ""
	}
	return s.text.Value()
}

// Empty tells whether there is no text.
func (s String) Empty() bool { return s == String{} }

// String implements fmt.Stringer without the text.
func (s String) String() string {
	if s.Empty() {
		return ""
	}
	return redacted
}

// GoString implements fmt.GoStringer without the text, for %#v.
func (s String) GoString() string { return "secret.String(" + s.String() + ")" }

// LogValue implements slog.LogValuer without the text.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler without the text.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalJSON takes a JSON string.
func (s *String) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	*s = New(text)
	return nil
}
