package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// reader reads JSON and knows where it is.
type reader struct {
	data    []byte
	decoder *json.Decoder
}

// next is where the next token begins.
func (r reader) next() int {
	at := int(r.decoder.InputOffset())
	for at < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[at]) >= 0 {
		at++
	}
	return at
}

// expect reads a bracket.
func (r reader) expect(bracket json.Delim) error {
	at := r.next()
	token, err := r.decoder.Token()
	if err != nil {
		return r.broken(err)
	}
	if token != bracket {
		return wrongAt(at, "%s is expected, not %v", bracket, token)
	}
	return nil
}

// object reads an object: member is called for each key and reads its value.
func (r reader) object(member func(key string, at int) error) error {
	if err := r.expect('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for r.decoder.More() {
		at := r.next()
		token, err := r.decoder.Token()
		if err != nil {
			return r.broken(err)
		}
		key, _ := token.(string) // the decoder takes nothing else
		if seen[key] {
			return wrongAt(at, "%q is there twice", key)
		}
		seen[key] = true
		if err := member(key, at); err != nil {
			return err
		}
	}
	return r.expect('}')
}

// list reads a list: element is called with each value.
func (r reader) list(element func(at int, raw []byte) error) error {
	if err := r.expect('['); err != nil {
		return err
	}
	for r.decoder.More() {
		at, raw, err := r.value()
		if err != nil {
			return err
		}
		if err := element(at, raw); err != nil {
			return err
		}
	}
	return r.expect(']')
}

// value reads whatever comes next.
func (r reader) value() (at int, raw json.RawMessage, err error) {
	at = r.next()
	if err := r.decoder.Decode(&raw); err != nil {
		return 0, nil, r.broken(err)
	}
	return at, raw, nil
}

func (r reader) broken(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return wrongAt(int(syntax.Offset), "%w", err)
	}
	return wrongAt(len(r.data), "it ends too early: %w", err)
}

// strictly decodes a value that begins at an offset of the file.
func strictly(raw []byte, at int, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		return nil
	}
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrongAt(at+int(mistyped.Offset), "%s is a %s, and must be a %s", mistyped.Field, mistyped.Value, mistyped.Type)
	}
	// The package has no type for this error, and no place.
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return wrongAt(at+max(bytes.Index(raw, []byte(name)), 0), "there is no %s in a ledger", name)
	}
	return wrongAt(at, "%w", err)
}
