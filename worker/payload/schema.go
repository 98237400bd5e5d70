package payload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is the merged schema of a worker's payloads. It is safe for concurrent use.
type Schema struct {
	document map[string]any
	known    []string
	compile  func() (*jsonschema.Schema, error)
}

// Merge merges fragments, by the name of their owner, into one schema.
func Merge(fragments map[string]Fragment) (*Schema, error) {
	properties, features := map[string]any{}, map[string]any{}
	owners := map[string]string{}
	var required []string
	for _, owner := range slices.Sorted(maps.Keys(fragments)) {
		f := fragments[owner]
		for name, schema := range f.Properties {
			if other, taken := owners[name]; taken {
				return nil, fmt.Errorf("payload: property %s belongs to both %s and %s", name, other, owner)
			}
			owners[name], properties[name] = owner, schema
		}
		for name, feature := range f.Features {
			if other, taken := owners["features."+name]; taken {
				return nil, fmt.Errorf("payload: feature %s belongs to both %s and %s", name, other, owner)
			}
			owners["features."+name] = owner
			features[name] = map[string]any{"type": "boolean", "default": feature.Default, "description": feature.Description}
		}
		required = append(required, f.Required...)
	}
	if len(features) > 0 {
		properties["features"] = map[string]any{
			"type": "object", "title": "Feature flags", "description": "Switches of the worker's features.",
			"properties": features, "additionalProperties": false,
		}
	}
	slices.Sort(required)
	s := &Schema{
		document: map[string]any{
			"$schema": "http://json-schema.org/draft-07/schema#", "title": "Task payload",
			"type": "object", "properties": properties, "required": toAny(required), "additionalProperties": false,
		},
		known: slices.Sorted(maps.Keys(properties)),
	}
	s.compile = sync.OnceValues(s.compileNow)
	return s, nil
}

// JSON is the schema as indented JSON.
func (s *Schema) JSON() ([]byte, error) { return json.MarshalIndent(s.document, "", "  ") }

// Warm compiles the schema, which the first Validate would do otherwise.
func (s *Schema) Warm() error {
	_, err := s.compile()
	return err
}

func (s *Schema) compileNow() (*jsonschema.Schema, error) {
	text, err := s.JSON() // the compiler wants what a JSON decoder gives
	if err != nil {
		return nil, fmt.Errorf("payload: encode the schema: %w", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("payload: decode the schema: %w", err)
	}
	const id = "payload.json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(id, document); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	compiled, err := c.Compile(id)
	if err != nil {
		return nil, fmt.Errorf("payload: compile the schema: %w", err)
	}
	return compiled, nil
}

func toAny(texts []string) []any {
	all := make([]any, len(texts))
	for i, t := range texts {
		all[i] = t
	}
	return all
}

// position writes a place in the payload as a task's author would: payload.artifacts[0].name.
func position(path []string) string {
	var b strings.Builder
	b.WriteString("payload")
	for _, part := range path {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			b.WriteString("[" + part + "]")
		} else {
			b.WriteString("." + part)
		}
	}
	return b.String()
}
