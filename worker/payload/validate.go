package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// mostProblems is how many problems are said: the first ones are the useful ones.
const mostProblems = 10

// Validate returns what is wrong with a payload, one short line for each problem that says
// where it is; nil when it is valid. The error is about the schema, not the payload.
func (s *Schema) Validate(raw json.RawMessage) (problems []string, err error) {
	compiled, err := s.compile()
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return []string{"payload: it is not JSON: " + err.Error()}, nil
	}
	err = compiled.Validate(value)
	if err == nil {
		return nil, nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil, fmt.Errorf("payload: validate: %w", err)
	}
	problems = s.leaves(invalid, nil)
	slices.Sort(problems)
	problems = slices.Compact(problems)
	if n := len(problems); n > mostProblems {
		problems = append(problems[:mostProblems], fmt.Sprintf("… and %d more", n-mostProblems))
	}
	return problems, nil
}

// leaves collects the errors that have no cause below them.
func (s *Schema) leaves(e *jsonschema.ValidationError, found []string) []string {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			found = s.leaves(cause, found)
		}
		return found
	}
	at := position(e.InstanceLocation)
	if extra, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
		for _, name := range extra.Properties {
			line := fmt.Sprintf("%s: this worker does not know the property %q", at, name)
			if len(e.InstanceLocation) == 0 {
				line += "; it knows: " + strings.Join(s.known, ", ")
			}
			found = append(found, line)
		}
		return found
	}
	return append(found, at+": "+e.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
}
