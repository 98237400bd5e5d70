package config

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/workerkit/workerkit/internal/private"
)

// parseProviderFile reads a file with one block, provider "kind" { … }. What is wrong goes to
// the report; b is nil when there is no such block, and has a broken value for each key that
// went wrong. secret tells which keys of a kind are secret: file() reads those from files that
// are private, or makes them so.
func parseProviderFile(path string, data []byte, host Host, secret func(kind, key string) bool, r *report) (kind string, b *block) {
	file, diags := hclsyntax.ParseConfig(data, path, hcl.InitialPos)
	syntax := damageOf(data, diags)
	r.diagnose(syntax.first(diags), "")
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return "", nil
	}
	found := providerBlock(path, body, syntax, r)
	if found == nil {
		return "", nil
	}
	lines := map[string]int{"": found.DefRange().Start.Line}
	b = &block{report: r, file: path, values: map[string]any{}, used: map[string]bool{}}
	b.lineOf = func(key string) int { return nearestLine(lines, key) }
	for _, inner := range found.Body.Blocks {
		line := inner.DefRange().Start.Line
		lines[inner.Type], b.values[inner.Type] = line, broken{}
		if !syntax.hits(line, line) {
			r.add(&Problem{path, line, inner.Type, "is a block; a map is written " + inner.Type + " = { … }"})
		}
	}
	dir := filepath.Dir(path)
	open := &hcl.EvalContext{Functions: functions(host, dir, os.ReadFile)}
	closed := &hcl.EvalContext{Functions: functions(host, dir, r.readPrivate)}
	for _, name := range slices.Sorted(maps.Keys(found.Body.Attributes)) {
		attribute := found.Body.Attributes[name]
		lines[name] = attribute.NameRange.Start.Line
		if syntax.hits(attribute.SrcRange.Start.Line, attribute.SrcRange.End.Line) {
			syntax.swallow(attribute.SrcRange.Start.Line, attribute.SrcRange.End.Line)
			b.values[name] = broken{}
			continue
		}
		context := open
		if secret(found.Labels[0], name) {
			context = closed
		}
		value, diags := attribute.Expr.Value(context)
		if diags.HasErrors() {
			r.diagnose(diags, name)
			b.values[name] = broken{}
			continue
		}
		b.values[name] = toGo(value)
	}
	syntax.mark(b, lines)
	return found.Labels[0], b
}

// readPrivate reads a file with a secret.
func (r *report) readPrivate(path string) ([]byte, error) {
	data, note, err := private.Read(path)
	r.note(note)
	return data, err
}

// providerBlock finds the file's one block.
func providerBlock(path string, body *hclsyntax.Body, syntax *damage, r *report) *hclsyntax.Block {
	complaints := len(r.problems)
	for _, name := range slices.Sorted(maps.Keys(body.Attributes)) {
		r.add(&Problem{path, body.Attributes[name].NameRange.Start.Line, name, `is outside of provider "…" { }`})
	}
	var found *hclsyntax.Block
	for _, b := range body.Blocks {
		line := b.DefRange().Start.Line
		switch {
		case syntax.hits(line, line): // it has been said what is wrong there
		case b.Type != "provider":
			r.add(&Problem{path, line, b.Type, `is no known block; the file holds one provider "…" { }`})
		case found != nil:
			r.add(&Problem{path, line, b.Type, "is the second: a machine is in one place"})
		case len(b.Labels) != 1:
			r.add(&Problem{path, line, b.Type, `needs one label, as in provider "static" { }`})
		default:
			found = b
		}
	}
	if found == nil && len(r.problems) == complaints && len(syntax.lines) == 0 {
		r.add(&Problem{path, 1, "provider", `is missing; the file holds one provider "…" { }`})
	}
	return found
}

// diagnose turns HCL's diagnostics into problems of one line.
func (r *report) diagnose(diags hcl.Diagnostics, key string) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		p := &Problem{Key: key, Text: d.Summary}
		if d.Detail != "" {
			p.Text += ": " + d.Detail
		}
		if d.Subject != nil {
			p.File, p.Line = d.Subject.Filename, d.Subject.Start.Line
		}
		r.add(p)
	}
}

// toGo turns a value into what JSON would decode to; numbers are exact.
func toGo(v cty.Value) any {
	t := v.Type()
	switch {
	case v.IsNull():
		return nil
	case t == cty.String:
		return v.AsString()
	case t == cty.Bool:
		return v.True()
	case t == cty.Number:
		return json.Number(v.AsBigFloat().Text('f', -1))
	case t.IsMapType() || t.IsObjectType():
		m := map[string]any{}
		for key, value := range v.AsValueMap() {
			m[key] = toGo(value)
		}
		return m
	default: // list, tuple, set
		list := []any{}
		for _, value := range v.AsValueSlice() {
			list = append(list, toGo(value))
		}
		return list
	}
}
