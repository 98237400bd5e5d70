package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/workerkit/workerkit/providers"
)

// functions are what a provider file can call, so that many machines can share one file.
// hostname(), serial() and mac() give texts that may be a worker_id.
// read reads the file that file() names.
func functions(host Host, dir string, read func(path string) ([]byte, error)) map[string]function.Function {
	return map[string]function.Function{
		"hostname": constant(func() (string, error) {
			name, err := host.Name()
			label, _, _ := strings.Cut(name, ".")
			return providers.Identifier(label), err
		}),
		"serial": constant(func() (string, error) {
			number, err := host.Serial()
			return providers.Identifier(number), err
		}),
		"mac": constant(host.MAC),
		"env": ofText("name", func(name string) (string, error) {
			value, ok := os.LookupEnv(name)
			if !ok {
				return "", fmt.Errorf("the environment has no variable %s", name)
			}
			return value, nil
		}),
		"file": ofText("path", func(path string) (string, error) {
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			data, err := read(path)
			return strings.TrimRight(string(data), "\r\n"), err
		}),
	}
}

func constant(fn func() (string, error)) function.Function {
	return function.New(&function.Spec{
		Type: function.StaticReturnType(cty.String),
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return asText(fn()) },
	})
}

func ofText(parameter string, fn func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: parameter, Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return asText(fn(args[0].AsString())) },
	})
}

func asText(text string, err error) (cty.Value, error) {
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(text), nil
}
