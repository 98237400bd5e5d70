package define

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is one variable block.
type variable struct {
	name      string
	at        hcl.Range
	sensitive bool
	fallback  cty.Value // cty.NilVal without a default
	value     cty.Value // cty.NilVal when it has none
	broken    bool      // something is wrong with it, and has been said
}

func (l *loader) addVariable(name string, b *hclsyntax.Block, known *schema) {
	if first, ok := l.variables[name]; ok {
		l.fail(b.DefRange(), "Variable defined twice", "The variable %q is already at %s.", name, place(first.at))
		return
	}
	before := len(l.problems)
	l.compare(b.Body, known)
	v := &variable{name: name, at: b.DefRange(), sensitive: l.literalFlag(b.Body, "sensitive")}
	l.literalText(b.Body, "description")
	l.variables[name] = v
	if a, ok := b.Body.Attributes["default"]; ok && l.literal(b.Body, "default") != nil {
		v.fallback, _ = a.Expr.Value(l.language.context(nil, nil, nil))
		if v.sensitive {
			v.fallback = l.named(v, v.fallback)
		}
		v.value = v.fallback
	}
	v.broken = len(l.problems) > before
}

// named turns the text of a sensitive variable into a reference.
func (l *loader) named(v *variable, text cty.Value) cty.Value {
	if text.Type() == l.language.secret {
		return text
	}
	if text.Type() == cty.String && !text.IsNull() {
		if reference, err := l.language.reference(text.AsString()); err == nil {
			return reference
		}
	}
	l.fail(v.at, "Bad value of a sensitive variable",
		`The value of %q is a reference, "env:NAME" or "file:/path", whether it is the default or comes from outside.`, v.name)
	v.broken = true
	return cty.NilVal
}

// setVariables gives the variables the values from outside, the strongest source last.
func (l *loader) setVariables() {
	for _, name := range slices.Sorted(maps.Keys(l.variables)) {
		if l.options.LookupEnv == nil {
			break
		}
		if value, ok := l.options.LookupEnv(EnvPrefix + name); ok {
			l.setText(l.variables[name], value, EnvPrefix+name)
		}
	}
	for _, name := range l.options.VarFiles {
		l.readVarFile(name)
	}
	for _, setting := range l.options.Vars {
		name, value, ok := strings.Cut(setting, "=")
		if !ok {
			l.failNowhere("Bad --var", "--var is NAME=VALUE; there is no \"=\" after %q.", name)
			continue
		}
		if v, ok := l.variables[name]; ok {
			l.setText(v, value, "--var "+name)
			continue
		}
		l.failNowhere("Unknown variable", "--var %s: there is no such variable%s.", name, perhaps(name, l.variableNames()))
	}
}

func (l *loader) variableNames() []string { return slices.Sorted(maps.Keys(l.variables)) }

// setText sets a variable to a text of the command line or the environment, which is what the
// type of the default makes of it.
func (l *loader) setText(v *variable, value, from string) {
	given := cty.StringVal(value)
	if !v.sensitive && v.fallback != cty.NilVal && !v.fallback.IsNull() && !v.fallback.Type().IsPrimitiveType() {
		parsed, problems := hclsyntax.ParseExpression([]byte(value), from, hcl.InitialPos)
		if !problems.HasErrors() {
			given, problems = parsed.Value(nil)
		}
		if problems.HasErrors() {
			l.failNowhere("Bad value", "%s: it is no list or map as in a definition: %s.", from, problems[0].Summary)
			return
		}
	}
	l.setValue(v, given, from)
}

// setValue sets a variable to a value of the type of its default, or to any when it has none.
func (l *loader) setValue(v *variable, value cty.Value, from string) {
	if v.sensitive {
		v.value = l.named(v, value)
		return
	}
	if v.fallback != cty.NilVal && !v.fallback.IsNull() {
		want := v.fallback.Type()
		if want.IsPrimitiveType() {
			converted, err := convert.Convert(value, want)
			if err != nil {
				l.failNowhere("Bad value", "%s: %s is wanted, as in the default at %s.", from, describeType(want), place(v.at))
				return
			}
			value = converted
		} else if fromValue(value, v.at).shape != fromValue(v.fallback, v.at).shape {
			l.failNowhere("Bad value", "%s: %s is wanted, as in the default at %s.", from, describe(fromValue(v.fallback, v.at)), place(v.at))
			return
		}
	}
	v.value = value
}

func (l *loader) readVarFile(name string) {
	data, err := readSmall(name)
	if err != nil {
		l.failNowhere("Variables not read", "--var-file: %v.", err)
		return
	}
	// Its lines are not shown with a problem: there may be secrets in them.
	file, problems := parse(data, filepath.ToSlash(name))
	l.problems = append(l.problems, problems...)
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok || problems.HasErrors() {
		return
	}
	for _, b := range body.Blocks {
		l.fail(b.DefRange(), "Unknown block", "A file of variables has only NAME = VALUE.")
	}
	for _, name := range slices.Sorted(maps.Keys(body.Attributes)) {
		a := body.Attributes[name]
		v, ok := l.variables[name]
		if !ok {
			l.fail(a.NameRange, "Unknown variable", "There is no variable %q%s.", name, perhaps(name, l.variableNames()))
			continue
		}
		value, problems := a.Expr.Value(nil)
		l.problems = append(l.problems, problems...)
		if !problems.HasErrors() {
			l.setValue(v, value, place(a.NameRange))
		}
	}
}
