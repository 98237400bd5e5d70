package define

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// local is one attribute of a locals block.
type local struct {
	name  string
	expr  *hclsyntax.Attribute
	state localState
	value cty.Value // cty.NilVal when it cannot be computed
}

type localState int

const (
	untouched localState = iota
	underway             // being computed: meeting it again is a cycle
	done
)

func (l *loader) addLocals(b *hclsyntax.Block) {
	for _, inner := range b.Body.Blocks {
		l.fail(inner.DefRange(), "Unknown block", "A locals block has only NAME = VALUE.")
	}
	for name, a := range b.Body.Attributes {
		if first, ok := l.locals[name]; ok {
			l.fail(a.NameRange, "Local defined twice", "local.%s is already at %s.", name, place(first.expr.NameRange))
			continue
		}
		l.locals[name] = &local{name: name, expr: a}
	}
}

// evaluateLocals computes all locals, each after those that it uses.
func (l *loader) evaluateLocals() {
	for _, name := range slices.Sorted(maps.Keys(l.locals)) {
		l.evaluateLocal(l.locals[name], nil)
	}
}

// evaluateLocal computes one; trail are those whose values wait for it.
func (l *loader) evaluateLocal(it *local, trail []string) {
	switch it.state {
	case done:
		return
	case underway:
		trail = append(trail[slices.Index(trail, it.name):], it.name)
		l.fail(it.expr.NameRange, "Cycle of locals", "The value depends on itself: local.%s.", strings.Join(trail, " → local."))
		return
	}
	it.state = underway
	trail = append(slices.Clone(trail), it.name)
	for _, t := range it.expr.Expr.Variables() {
		if root, name := l.reference(t); root == "local" && l.locals[name] != nil {
			l.evaluateLocal(l.locals[name], trail)
		}
	}
	it.state = done
	if !l.ready(it.expr.Expr, "", nil) {
		return
	}
	v, problems := it.expr.Expr.Value(l.language.context(l.varValues(), l.localValues(), nil))
	l.problems = append(l.problems, problems...)
	if !problems.HasErrors() {
		it.value, _ = v.UnmarkDeep()
	}
}

// localValues are the locals that have values.
func (l *loader) localValues() map[string]cty.Value {
	values := map[string]cty.Value{}
	for name, it := range l.locals {
		if it.value != cty.NilVal {
			values[name] = it.value
		}
	}
	return values
}

// varValues are the variables that have values.
func (l *loader) varValues() map[string]cty.Value {
	values := map[string]cty.Value{}
	for name, v := range l.variables {
		if v.value != cty.NilVal {
			values[name] = v.value
		}
	}
	return values
}
