package define

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/workerkit/workerkit/packer"
)

// secretFunction is the name of the function that makes a reference to a secret.
const secretFunction = "secret"

// reference is the value of a reference to a secret. It is no text: no template takes it.
type reference struct{ to packer.Secret }

// MarshalJSON keeps references out of texts that jsonencode makes.
func (reference) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a secret cannot be written into a text")
}

// language is what expressions can use.
type language struct {
	secret    cty.Type
	functions map[string]function.Function
}

// newLanguage makes the functions. Those that read files read in dir. None gives another result
// the next time, unless a file has changed.
func newLanguage(dir string) language {
	l := language{secret: cty.Capsule("secret", reflect.TypeFor[reference]())}
	l.functions = map[string]function.Function{
		"chomp": stdlib.ChompFunc, "coalesce": stdlib.CoalesceFunc, "compact": stdlib.CompactFunc,
		"concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"flatten": stdlib.FlattenFunc, "format": stdlib.FormatFunc, "indent": stdlib.IndentFunc,
		"join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"keys": stdlib.KeysFunc, "length": stdlib.LengthFunc, "lookup": stdlib.LookupFunc,
		"lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc, "min": stdlib.MinFunc,
		"replace": stdlib.ReplaceFunc, "sort": stdlib.SortFunc, "split": stdlib.SplitFunc,
		"substr": stdlib.SubstrFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc,
		"file":         fileFunction(dir),
		secretFunction: l.secretFunction(),
	}
	return l
}

// context is where expressions are evaluated; a nil map is a name that is not there.
func (l language) context(vars, locals, matrix map[string]cty.Value) *hcl.EvalContext {
	c := &hcl.EvalContext{Functions: l.functions, Variables: map[string]cty.Value{}}
	for name, values := range map[string]map[string]cty.Value{"var": vars, "local": locals, "matrix": matrix} {
		if values != nil {
			c.Variables[name] = cty.ObjectVal(values)
		}
	}
	return c
}

func fileFunction(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if err := checkSource(name); err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			data, err := readSmall(filepath.Join(dir, filepath.FromSlash(name)))
			switch {
			case err != nil:
				return cty.NilVal, function.NewArgError(0, err)
			case !utf8.Valid(data):
				return cty.NilVal, function.NewArgErrorf(0, "%s is no text", name)
			}
			return cty.StringVal(string(data)), nil
		},
	})
}

func (l language) secretFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "reference", Type: cty.String}},
		Type:   function.StaticReturnType(l.secret),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := l.reference(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return v, nil
		},
	})
}

// reference makes a reference of its text. The error does not show the text, which is perhaps
// the secret itself.
func (l language) reference(text string) (cty.Value, error) {
	place, name, _ := strings.Cut(text, ":")
	if place == "env" && variableForm.MatchString(name) || place == "file" && name != "" {
		return cty.CapsuleVal(l.secret, &reference{packer.Secret(text)}), nil
	}
	return cty.NilVal, fmt.Errorf(`a secret is named and not written: "env:NAME" is a variable of the environment, "file:/path" a file`)
}
