package scopes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Template is a scope expression of the reference, with "<name>" in the place of values: a
// scope, {AllOf: […]}, {AnyOf: […]}, {for, in, each} or {if, then, else}.
type Template struct {
	scope text
	all   []Template
	any   []Template

	loop *loop
	cond *condition
}

// loop asks for each with variable replaced by every value of the parameter in.
type loop struct {
	variable, in string
	each         text
}

// condition asks for then when the parameter holds, for otherwise, if there is one, when not.
type condition struct {
	parameter string
	then      Template
	otherwise *Template
}

// Params are the values of a Template by name: a string, a bool for "if", a []string for "in".
type Params map[string]any

// UnmarshalJSON decodes a scope expression and refuses what is none.
func (t *Template) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte(`"`)) {
		return json.Unmarshal(data, &t.scope)
	}
	var object struct {
		AllOf, AnyOf []Template
		For, In      string
		Each         text
		If           string
		Then, Else   *Template
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&object); err != nil {
		return fmt.Errorf("scopes: decode the expression %s: %w", data, err)
	}
	switch {
	case object.AllOf != nil:
		t.all = object.AllOf
	case object.AnyOf != nil:
		t.any = object.AnyOf
	case object.For != "" && object.In != "" && object.Each != nil:
		t.loop = &loop{variable: object.For, in: object.In, each: object.Each}
	case object.If != "" && object.Then != nil:
		t.cond = &condition{parameter: object.If, then: *object.Then, otherwise: object.Else}
	default:
		return fmt.Errorf("scopes: %s is no scope expression", data)
	}
	return nil
}

// Names returns the names of the parameters that t needs, sorted.
func (t *Template) Names() []string {
	names := t.scope.names()
	for _, sub := range slices.Concat(t.all, t.any) {
		names = append(names, sub.Names()...)
	}
	if t.loop != nil {
		inner := slices.DeleteFunc(t.loop.each.names(), func(n string) bool { return n == t.loop.variable })
		names = append(append(names, t.loop.in), inner...)
	}
	if t.cond != nil {
		names = append(append(names, t.cond.parameter), t.cond.then.Names()...)
		if t.cond.otherwise != nil {
			names = append(names, t.cond.otherwise.Names()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Render puts the values in. It fails when one is missing or of the wrong type.
func (t *Template) Render(params Params) (Expression, error) {
	list, err := t.render(params)
	if err != nil {
		return Expression{}, fmt.Errorf("scopes: render: %w", err)
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return Expression{all: list}, nil
}

// render returns the expressions that stand in t's place in the list around it: one, but for
// a loop as many as there are values, and for a condition that does not hold none.
func (t *Template) render(params Params) ([]Expression, error) {
	switch {
	case t.all != nil:
		list, err := renderList(t.all, params)
		return []Expression{{all: list}}, err
	case t.any != nil:
		list, err := renderList(t.any, params)
		return []Expression{{any: list}}, err
	case t.loop != nil:
		return t.loop.render(params)
	case t.cond != nil:
		return t.cond.render(params)
	}
	scope, err := t.scope.fill(params)
	return []Expression{{scope: scope}}, err
}

func renderList(templates []Template, params Params) ([]Expression, error) {
	list := []Expression{}
	for i := range templates {
		more, err := templates[i].render(params)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

func (l *loop) render(params Params) ([]Expression, error) {
	values, ok := params[l.in].([]string)
	if !ok {
		return nil, fmt.Errorf("parameter %s is not a list of strings", l.in)
	}
	inner := maps.Clone(params)
	list := make([]Expression, 0, len(values))
	for _, value := range values {
		inner[l.variable] = value
		scope, err := l.each.fill(inner)
		if err != nil {
			return nil, err
		}
		list = append(list, Expression{scope: scope})
	}
	return list, nil
}

func (c *condition) render(params Params) ([]Expression, error) {
	holds, ok := params[c.parameter].(bool)
	if !ok {
		return nil, fmt.Errorf("parameter %s is not a bool", c.parameter)
	}
	if holds {
		return c.then.render(params)
	}
	if c.otherwise != nil {
		return c.otherwise.render(params)
	}
	return nil, nil
}

// text is a text with placeholders: literal parts and names in turn, a literal first.
type text []string

// UnmarshalJSON decodes a string.
func (t *text) UnmarshalJSON(data []byte) error {
	var rest string
	if err := json.Unmarshal(data, &rest); err != nil {
		return err
	}
	for {
		literal, after, found := strings.Cut(rest, "<")
		name, tail, closed := strings.Cut(after, ">")
		if !found || !closed {
			*t = append(*t, rest)
			return nil
		}
		*t = append(*t, literal, name)
		rest = tail
	}
}

func (t text) names() []string {
	var names []string
	for i := 1; i < len(t); i += 2 {
		names = append(names, t[i])
	}
	return names
}

// fill puts the values in.
func (t text) fill(params Params) (string, error) {
	var filled strings.Builder
	for i, part := range t {
		if i%2 == 1 {
			value, ok := params[part].(string)
			if !ok {
				return "", fmt.Errorf("parameter %s is not a string", part)
			}
			part = value
		}
		filled.WriteString(part)
	}
	return filled.String(), nil
}
