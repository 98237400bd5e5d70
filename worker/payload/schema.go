package payload

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/xeipuuv/gojsonschema"
)

// Schema is the merged schema of a worker's payloads. It is safe for concurrent use.
type Schema struct {
	document map[string]any
	known    []string
	refused  map[string]string
	compile  func() (*gojsonschema.Schema, error)
}

// Draft is the version of JSON schemas that schemas are written in.
const Draft = "http://json-schema.org/draft-07/schema#"

// Merge merges fragments, by the name of their owner, into one schema.
func Merge(fragments map[string]Fragment) (*Schema, error) {
	properties, features := map[string]any{}, map[string]any{}
	owners, refused := map[string]string{}, map[string]string{}
	var required []string
	for _, owner := range slices.Sorted(maps.Keys(fragments)) {
		f := fragments[owner]
		for _, name := range f.Required {
			if _, own := f.Properties[name]; !own {
				return nil, fmt.Errorf("payload: %s requires %s, which is not among its properties", owner, name)
			}
		}
		for name, schema := range f.Properties {
			if name == "features" {
				return nil, fmt.Errorf("payload: %s has a property features; its switches belong in Features", owner)
			}
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
			schema := map[string]any{"type": "boolean", "default": feature.Default, "description": feature.Description}
			if feature.Absent {
				schema["enum"] = []any{false}
			}
			features[name] = schema
		}
		required = append(required, f.Required...)
		maps.Copy(refused, f.Refused)
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
			"$schema": Draft, "title": "Task payload",
			"type": "object", "properties": properties, "required": toAny(required), "additionalProperties": false,
		},
		known:   slices.Sorted(maps.Keys(properties)),
		refused: refused,
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

func (s *Schema) compileNow() (*gojsonschema.Schema, error) {
	compiled, err := gojsonschema.NewSchema(gojsonschema.NewGoLoader(s.document))
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
