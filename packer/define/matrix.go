package define

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// maxMatrix bounds the images that come of one definition.
const maxMatrix = 1000

// combination is one choice of a value for each key of a matrix.
type combination struct {
	values map[string]cty.Value
	suffix string // what it adds to the name of the image, with its dash
}

// combinations are all of an image's matrix: the nearest that it or an image it extends has. An
// image without a matrix has one, which is empty.
func (l *loader) combinations(s *source) (all []combination, ok bool) {
	all = []combination{{values: map[string]cty.Value{}}}
	block := s.matrix()
	if block == nil {
		return all, true
	}
	keys := inOrder(block.Body)
	if len(keys) == 0 {
		l.fail(block.DefRange(), "Empty matrix", "A matrix has lists of values, as in arch = [\"amd64\", \"arm64\"].")
		return nil, false
	}
	for _, key := range keys {
		values, fine := l.matrixValues(key)
		switch {
		case !fine:
			return nil, false
		case len(all)*len(values) > maxMatrix:
			l.fail(block.DefRange(), "Large matrix", "It makes more than %d images.", maxMatrix)
			return nil, false
		}
		all = product(all, key.Name, values)
	}
	return all, true
}

func (s *source) matrix() *hclsyntax.Block {
	for _, from := range slices.Backward(s.chain) {
		for _, b := range from.block.Body.Blocks {
			if b.Type == "matrix" {
				return b
			}
		}
	}
	return nil
}

// matrixValues are the values of one key.
func (l *loader) matrixValues(a *hclsyntax.Attribute) ([]cty.Value, bool) {
	if !l.ready(a.Expr, "", nil) {
		return nil, false
	}
	n := l.node(a.Expr, l.language.context(l.varValues(), l.localValues(), nil))
	if n == nil {
		return nil, false
	}
	var values []cty.Value
	var seen []string
	for _, part := range n.list {
		if !part.isText() && !part.isNumber() && !part.isFlag() {
			l.fail(part.at, "Wrong type", "%s has texts, numbers or flags; this is %s.", a.Name, describe(part))
			return nil, false
		}
		if slices.Contains(seen, word(part.value)) {
			l.fail(part.at, "Value given twice", "%s has this value already.", a.Name)
			return nil, false
		}
		values, seen = append(values, part.value), append(seen, word(part.value))
	}
	if len(values) == 0 {
		l.fail(a.Expr.Range(), "Wrong type", "%s is a list of values that is not empty.", a.Name)
	}
	return values, len(values) > 0
}

// product gives each combination each of the values.
func product(all []combination, key string, values []cty.Value) []combination {
	var more []combination
	for _, c := range all {
		for _, v := range values {
			next := combination{maps.Clone(c.values), c.suffix + "-" + strings.ToLower(word(v))}
			next.values[key] = v
			more = append(more, next)
		}
	}
	return more
}

// word is a text, number or flag as a text.
func word(v cty.Value) string {
	s, err := convert.Convert(v, cty.String)
	if err != nil || s.IsNull() {
		return ""
	}
	return s.AsString()
}
