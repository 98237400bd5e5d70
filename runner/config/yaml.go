package config

import (
	"bytes"
	"errors"
	"math"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// document is a YAML file: its values, and the line of each key by its path ("worker.path").
type document struct {
	file   string
	values map[string]any
	lines  map[string]int
}

func parseYAML(file string, data []byte) (*document, *Problem) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // editors on Windows put it there
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, yamlProblem(file, err)
	}
	doc := &document{file: file, values: map[string]any{}, lines: map[string]int{}}
	if len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil {
		return doc, nil
	}
	body := parsed.Docs[0].Body
	var value any
	if err := yaml.NodeToValue(body, &value); err != nil {
		return nil, yamlProblem(file, err)
	}
	values, ok := value.(map[string]any)
	if !ok {
		return nil, &Problem{File: file, Line: 1, Text: "the file must hold keys and values, but holds " + describe(value)}
	}
	doc.values = values
	doc.mark(body, "")
	if _, problem := doc.normalise(values, ""); problem != nil {
		return nil, problem
	}
	return doc, nil
}

func yamlProblem(file string, err error) *Problem {
	var at yaml.Error
	if !errors.As(err, &at) {
		return &Problem{File: file, Text: err.Error()}
	}
	p := &Problem{File: file, Text: "this is not YAML: " + at.GetMessage()}
	if token := at.GetToken(); token != nil && token.Position != nil {
		p.Line = token.Position.Line
	}
	return p
}

// mark notes the lines of all keys below node. What an alias stands for has no lines here.
func (d *document) mark(node ast.Node, prefix string) {
	if anchor, ok := node.(*ast.AnchorNode); ok {
		node = anchor.Value
	}
	m, ok := node.(ast.MapNode)
	if !ok {
		return
	}
	for i := m.MapRange(); i.Next(); {
		token := i.Key().GetToken()
		path := prefix + token.Value
		d.lines[path] = token.Position.Line
		d.mark(i.Value(), path+".")
	}
}

// normalise makes the values ones that JSON can hold.
func (d *document) normalise(value any, path string) (any, *Problem) {
	var p *Problem
	switch v := value.(type) {
	case []byte: // !!binary
		return string(v), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, &Problem{d.file, d.line(path), path, "JSON, which the worker reads, has no such number"}
		}
	case map[string]any:
		for key, inner := range v {
			if v[key], p = d.normalise(inner, join(path, key)); p != nil {
				return nil, p
			}
		}
	case []any:
		for i, inner := range v {
			if v[i], p = d.normalise(inner, path); p != nil {
				return nil, p
			}
		}
	}
	return value, nil
}

// join makes the path of a key.
func join(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

// line is the line of the key, or of the nearest parent that has one, or the first.
func (d *document) line(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndex(path, "."))]
	}
	return 1
}

// root is the document as a block.
func (d *document) root(r *report) *block {
	return &block{report: r, file: d.file, lineOf: d.line, values: d.values, used: map[string]bool{}}
}
