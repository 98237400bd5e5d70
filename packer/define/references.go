package define

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// checkReferences looks at every name that any expression uses, also of images that nobody
// builds. Expressions with a wrong one are not evaluated.
func (l *loader) checkReferences() {
	for _, name := range slices.Sorted(maps.Keys(l.locals)) {
		l.checkExpression(l.locals[name].expr.Expr, false)
	}
	for _, s := range l.order {
		l.checkBody(s.block.Body, true)
	}
}

func (l *loader) checkBody(body *hclsyntax.Body, inImage bool) {
	for _, a := range body.Attributes {
		l.checkExpression(a.Expr, inImage)
	}
	for _, b := range body.Blocks {
		l.checkBody(b.Body, inImage && b.Type != "matrix")
	}
}

// checkExpression checks the names and functions of one expression; matrix tells whether the
// matrix of an image can be used there. Which keys it has is known when an image is resolved.
func (l *loader) checkExpression(e hclsyntax.Expression, matrix bool) {
	before := len(l.problems)
	for _, t := range e.Variables() {
		l.checkReference(t, matrix)
	}
	// The walk ends with the last node: it returns no problems of its own.
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			if _, known := l.language.functions[call.Name]; !known {
				names := slices.Sorted(maps.Keys(l.language.functions))
				l.fail(call.NameRange, "Unknown function", "There is no function %q%s.", call.Name, perhaps(call.Name, names))
			}
		}
		return nil
	})
	if len(l.problems) > before {
		l.bad[e] = true
	}
}

func (l *loader) checkReference(t hcl.Traversal, matrix bool) {
	at := t.SourceRange()
	root, name := l.reference(t)
	switch {
	case root == "matrix" && !matrix:
		l.fail(at, "No matrix here", "matrix has its values inside of an image only.")
	case root != "var" && root != "local" && root != "matrix":
		l.fail(at, "Undefined name", "There is no %q; values are var.NAME, local.NAME and matrix.NAME, texts stand in quotes, and $${ is a shell's ${.", root)
	case name == "":
		l.fail(at, "Name expected", "Write %s.NAME.", root)
	case root == "local" && l.locals[name] == nil:
		l.fail(at, "Undefined local", "There is no local.%s%s.", name, perhaps(name, slices.Sorted(maps.Keys(l.locals))))
	case root == "var" && l.variables[name] == nil:
		l.fail(at, "Undefined variable", "There is no variable %q%s.", name, perhaps(name, l.variableNames()))
	case root == "var" && l.variables[name].value == cty.NilVal && !l.variables[name].broken:
		l.fail(at, "Variable without a value", "The variable %q has no default: give it a value with --var %s=… or %s%s.", name, name, EnvPrefix, name)
	}
}

// reference takes the first two parts of a.b.c; name is "" when there is no second.
func (l *loader) reference(t hcl.Traversal) (root, name string) {
	root = t.RootName()
	if len(t) < 2 {
		return root, ""
	}
	switch step := t[1].(type) {
	case hcl.TraverseAttr:
		name = step.Name
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && !step.Key.IsNull() {
			name = step.Key.AsString()
		}
	}
	return root, name
}

// ready tells whether an expression can be evaluated: it has no wrong names, and what it uses has
// values. It says what is not in the matrix of the image; all else has been said.
func (l *loader) ready(e hclsyntax.Expression, image string, matrix map[string]cty.Value) bool {
	if l.bad[e] {
		return false
	}
	fine := true
	for _, t := range e.Variables() {
		root, name := l.reference(t)
		switch root {
		case "local":
			fine = fine && l.locals[name].value != cty.NilVal
		case "var":
			fine = fine && l.variables[name].value != cty.NilVal
		case "matrix":
			if _, ok := matrix[name]; ok {
				continue
			}
			fine = false
			if at := t.SourceRange(); !l.unmatched[at] { // once is enough for all who extend it
				l.unmatched[at] = true
				l.fail(at, "Not in the matrix", "The image %q uses this, and has no %q in a matrix%s.", image, name, perhaps(name, slices.Sorted(maps.Keys(matrix))))
			}
		}
	}
	return fine
}
