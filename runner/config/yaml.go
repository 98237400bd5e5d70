package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// document is a YAML file: its values, and of each key by its path ("worker.path") the line, and
// whether its text stands without quotes.
type document struct {
	file   string
	values map[string]any
	lines  map[string]int
	plain  map[string]bool
}

// parseYAML reads a file. The problem is one that leaves nothing to look at; others go to the
// report.
func parseYAML(file string, data []byte, r *report) (*document, *Problem) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))                          // editors on Windows put it there
	parsed, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey()) // mark finds them all
	if err != nil {
		return nil, yamlProblem(file, err)
	}
	doc := &document{file: file, values: map[string]any{}, lines: map[string]int{}, plain: map[string]bool{}}
	if len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil {
		return doc, nil
	}
	body := parsed.Docs[0].Body
	var value any
	if err := yaml.NodeToValue(body, &value, yaml.AllowDuplicateMapKey()); err != nil {
		return nil, yamlProblem(file, err)
	}
	values, ok := value.(map[string]any)
	if !ok {
		return nil, &Problem{File: file, Line: 1, Text: "the file must hold keys and values, but holds " + describe(value)}
	}
	doc.values = values
	doc.mark(body, "", r)
	doc.normalise(values, "", r)
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

// mark notes where and how all keys below node stand, and reports those that are there twice.
// What an alias stands for has no lines here.
func (d *document) mark(node ast.Node, prefix string, r *report) {
	node = unanchored(node)
	m, ok := node.(ast.MapNode)
	if !ok {
		return
	}
	first := map[string]int{}
	for i := m.MapRange(); i.Next(); {
		key := i.Key().GetToken()
		path, line := prefix+key.Value, key.Position.Line
		if before, twice := first[key.Value]; twice {
			r.add(&Problem{d.file, line, path, fmt.Sprintf("is there twice; line %d has it already", before)})
			continue
		}
		first[key.Value] = line
		d.lines[path] = line
		if text, ok := unanchored(i.Value()).(*ast.StringNode); ok {
			d.plain[path] = text.Token.Type == token.StringType
		}
		d.mark(i.Value(), path+".", r)
	}
}

func unanchored(node ast.Node) ast.Node {
	if anchor, ok := node.(*ast.AnchorNode); ok {
		return anchor.Value
	}
	return node
}

// normalise makes the values ones that JSON can hold, and reports those that cannot be made so.
func (d *document) normalise(value any, path string, r *report) any {
	switch v := value.(type) {
	case []byte: // !!binary
		return string(v)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			r.add(&Problem{d.file, d.line(path), path, "JSON, which the worker reads, has no such number"})
			return broken{}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			v[key] = d.normalise(v[key], join(path, key), r)
		}
	case []any:
		for i, inner := range v {
			v[i] = d.normalise(inner, path, r)
		}
	}
	return value
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
	return &block{report: r, file: d.file, lineOf: d.line, plain: func(path string) bool { return d.plain[path] }, values: d.values, used: map[string]bool{}}
}
