package templates

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Variable is a variable that the templates declare.
type Variable struct {
	Type      cty.Type
	Sensitive bool // a secret, which comes from the environment and is never written down
}

// Variables returns the variables of all templates by name.
func Variables() (map[string]Variable, error) {
	names, err := fs.Glob(files, "*.pkr.hcl")
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	all := map[string]Variable{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read templates: %w", err)
		}
		file, problems := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
		body, ok := file.Body.(*hclsyntax.Body)
		if problems.HasErrors() || !ok {
			return nil, fmt.Errorf("read templates: %w", problems)
		}
		for _, b := range body.Blocks {
			if b.Type != "variable" || len(b.Labels) != 1 {
				continue
			}
			if all[b.Labels[0]], err = declaration(b.Body); err != nil {
				return nil, fmt.Errorf("variable %s of %s: %w", b.Labels[0], strings.TrimSuffix(name, ".pkr.hcl"), err)
			}
		}
	}
	return all, nil
}

func declaration(body *hclsyntax.Body) (Variable, error) {
	v := Variable{Type: cty.DynamicPseudoType}
	if a, ok := body.Attributes["type"]; ok {
		t, problems := typeexpr.TypeConstraint(a.Expr)
		if problems.HasErrors() {
			return v, problems
		}
		v.Type = t
	}
	if a, ok := body.Attributes["sensitive"]; ok {
		value, problems := a.Expr.Value(nil)
		if problems.HasErrors() {
			return v, problems
		}
		v.Sensitive = value.True()
	}
	return v, nil
}
