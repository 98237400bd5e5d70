package api

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/workerkit/workerkit/local/reference"
)

// validate checks a JSON text by the schema with that id. It returns what is wrong in the
// words of the real services, nil when nothing is.
func validate(ref *reference.Reference, schemaID string, data []byte) (problems []string, err error) {
	schema, err := ref.Schema(schemaID)
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return []string{"data is not JSON: " + err.Error()}, nil
	}
	err = schema.Validate(value)
	if err == nil {
		return nil, nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil, fmt.Errorf("validate by %s: %w", schemaID, err)
	}
	return explain(invalid, message.NewPrinter(language.English)), nil
}

// explain lists the errors of the tree, the inner ones before the choice that they spoil.
func explain(e *jsonschema.ValidationError, p *message.Printer) []string {
	var problems []string
	for _, cause := range e.Causes {
		problems = append(problems, explain(cause, p)...)
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	at := []string{"data"}
	for _, part := range e.InstanceLocation {
		at = append(at, escape.Replace(part))
	}
	for _, text := range phrases(e.ErrorKind, p) {
		problems = append(problems, strings.Join(at, "/")+" "+text)
	}
	return problems
}

// phrases says one error; the kinds that only hold others say nothing.
func phrases(k jsonschema.ErrorKind, p *message.Printer) []string {
	var texts []string
	switch k := k.(type) {
	case *kind.Schema, *kind.Reference, *kind.Group, *kind.AllOf:
	case *kind.Required:
		for _, name := range k.Missing {
			texts = append(texts, fmt.Sprintf("must have required property '%s'", name))
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			texts = append(texts, fmt.Sprintf("must NOT have additional properties: %q", name))
		}
	case *kind.Type:
		texts = append(texts, "must be "+strings.Join(k.Want, ","))
	case *kind.Enum:
		texts = append(texts, "must be equal to one of the allowed values")
	case *kind.Const:
		texts = append(texts, "must be equal to constant")
	case *kind.Pattern:
		texts = append(texts, fmt.Sprintf("must match pattern \"%s\"", k.Want))
	case *kind.Format:
		texts = append(texts, fmt.Sprintf("must match format \"%s\"", k.Want))
	case *kind.OneOf:
		texts = append(texts, "must match exactly one schema in oneOf")
	case *kind.AnyOf:
		texts = append(texts, "must match a schema in anyOf")
	default:
		texts = append(texts, k.LocalizedString(p))
	}
	return texts
}
