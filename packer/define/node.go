package define

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// node is a value that knows where each part of it was written. Nodes are not changed once they
// are made, except that the result of a merge is finished (finish.go).
type node struct {
	at     hcl.Range // without a file for a default
	shape  shape
	value  cty.Value // of a scalar: a text, number, flag, null or secret
	list   []*node
	keys   []string // of a mapping, in their order
	fields map[string]*node
}

type shape int

const (
	scalar shape = iota
	list
	mapping
)

func newMapping(at hcl.Range) *node {
	return &node{at: at, shape: mapping, fields: map[string]*node{}}
}

func newScalar(at hcl.Range, v cty.Value) *node { return &node{at: at, value: v} }

// set sets a field; a new one comes last.
func (n *node) set(key string, value *node) {
	if _, ok := n.fields[key]; !ok {
		n.keys = append(n.keys, key)
	}
	n.fields[key] = value
}

// drop removes a field, if it is there.
func (n *node) drop(key string) {
	if _, ok := n.fields[key]; ok {
		delete(n.fields, key)
		n.keys = slices.DeleteFunc(slices.Clone(n.keys), func(k string) bool { return k == key })
	}
}

// get goes down a path of fields; nil when there is no such field.
func (n *node) get(path ...string) *node {
	for _, key := range path {
		if n == nil {
			return nil
		}
		n = n.fields[key]
	}
	return n
}

// node evaluates an expression; nil when that fails. The parts of lists and maps that are written
// out keep their own places.
func (l *loader) node(e hclsyntax.Expression, c *hcl.EvalContext) *node {
	switch e := e.(type) {
	case *hclsyntax.TupleConsExpr:
		n := &node{at: e.Range(), shape: list}
		for _, item := range e.Exprs {
			part := l.node(item, c)
			if part == nil {
				return nil
			}
			n.list = append(n.list, part)
		}
		return n
	case *hclsyntax.ObjectConsExpr:
		return l.objectNode(e, c)
	}
	v, problems := e.Value(c)
	l.problems = append(l.problems, problems...)
	if problems.HasErrors() || !v.IsWhollyKnown() {
		return nil
	}
	v, _ = v.UnmarkDeep()
	return fromValue(v, e.Range())
}

func (l *loader) objectNode(e *hclsyntax.ObjectConsExpr, c *hcl.EvalContext) *node {
	n := newMapping(e.Range())
	for _, item := range e.Items {
		key, problems := item.KeyExpr.Value(c)
		l.problems = append(l.problems, problems...)
		if problems.HasErrors() {
			return nil
		}
		key, err := convert.Convert(key, cty.String)
		if err != nil || key.IsNull() || !key.IsKnown() {
			l.fail(item.KeyExpr.Range(), "Bad key", "A key is a text.")
			return nil
		}
		part := l.node(item.ValueExpr, c)
		if part == nil {
			return nil
		}
		if first := n.fields[key.AsString()]; first != nil {
			l.fail(item.KeyExpr.Range(), "Key given twice", "The key %q is already at %s.", key.AsString(), place(first.at))
			return nil
		}
		n.set(key.AsString(), part)
	}
	return n
}

// fromValue makes a node of a value that was computed.
func fromValue(v cty.Value, at hcl.Range) *node {
	t := v.Type()
	switch {
	case v.IsNull() || t.IsPrimitiveType() || t.IsCapsuleType():
		return newScalar(at, v)
	case t.IsObjectType() || t.IsMapType():
		n := newMapping(at)
		for it := v.ElementIterator(); it.Next(); { // in the order of the keys
			key, part := it.Element()
			n.set(key.AsString(), fromValue(part, at))
		}
		return n
	default:
		n := &node{at: at, shape: list}
		for it := v.ElementIterator(); it.Next(); {
			_, part := it.Element()
			n.list = append(n.list, fromValue(part, at))
		}
		return n
	}
}

func (n *node) null() bool { return n.shape == scalar && n.value.IsNull() }

func (n *node) isText() bool {
	return n.shape == scalar && !n.value.IsNull() && n.value.Type() == cty.String
}

func (n *node) isFlag() bool {
	return n.shape == scalar && !n.value.IsNull() && n.value.Type() == cty.Bool
}

func (n *node) isNumber() bool {
	return n.shape == scalar && !n.value.IsNull() && n.value.Type() == cty.Number
}

func (n *node) isSecret() bool {
	return n.shape == scalar && n.value.Type().IsCapsuleType()
}

// holdsSecret tells whether there is a secret anywhere in the value.
func (n *node) holdsSecret() bool {
	if n.isSecret() {
		return true
	}
	for _, part := range n.list {
		if part.holdsSecret() {
			return true
		}
	}
	for _, part := range n.fields {
		if part.holdsSecret() {
			return true
		}
	}
	return false
}
