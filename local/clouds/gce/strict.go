package gce

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// strictly decodes one JSON value into v, which must have a member for each of the value's own.
// Launch configs are let through with members that we do not know, by UnmarshalJSON.
func strictly(data json.RawMessage, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON value")
	}
	return nil
}

// UnmarshalJSON decodes a launch config: it may have members that belong to Google's API.
func (l *launchConfig) UnmarshalJSON(data []byte) error {
	type plain launchConfig // without this method
	l.content = bytes.Clone(data)
	return json.Unmarshal(data, (*plain)(l))
}
