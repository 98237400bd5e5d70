package render

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/workerkit/workerkit/packer"
)

// variables is the text of the file with the templates' variables.
func variables(image packer.Image, targets []packer.Target, o Options) (string, error) {
	all := map[string]any{
		"name": image.Name, "version": slug(o.Version), "definition": o.Definition,
		"os": image.OS, "arch": image.Arch,
		"description": literal(image.Description), "tags": literals(image.Tags),
		"programs": o.Programs,
	}
	if image.Size > 0 {
		all["disk_size"] = image.Size
	}
	if image.Windows() {
		all["communicator"] = "winrm"
	}
	for _, t := range targets {
		if err := base(all, image, t); err != nil {
			return "", err
		}
	}
	maps.DeleteFunc(all, func(_ string, v any) bool { return empty(v) }) // the templates have defaults
	if t := o.Version; t != "" && slices.Contains(targets, packer.GCP) && len(image.Name)+1+len(slug(t)) > 63 {
		return "", fmt.Errorf("%s-%s is longer than the 63 characters that Google allows", image.Name, slug(t))
	}
	if err := known(o.Variables); err != nil {
		return "", err
	}
	maps.Copy(all, o.Variables)
	return encode(all, targets)
}

// known fails when the templates lack one of the variables.
func known(given map[string]any) error {
	if len(given) == 0 {
		return nil
	}
	names, err := declared()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the templates have no variable %q", name)
		}
	}
	return nil
}

// encode writes the variables in the order of their names.
func encode(all map[string]any, targets []packer.Target) (string, error) {
	f := hclwrite.NewEmptyFile()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !wanted(name, targets) {
			continue
		}
		value, err := valueOf(all[name])
		if err != nil {
			return "", fmt.Errorf("variable %s: %w", name, err)
		}
		f.Body().SetAttributeValue(name, value)
	}
	return string(hclwrite.Format(f.Bytes())), nil
}

// wanted tells whether a variable is one of those targets or of all: a template that is not
// there declares none.
func wanted(name string, targets []packer.Target) bool {
	prefix, _, _ := strings.Cut(name, "_")
	t := packer.Target(prefix)
	return !slices.Contains(packer.Targets(), t) || slices.Contains(targets, t)
}

// declared lists the variables that the templates have.
func declared() ([]string, error) {
	all, err := committed()
	if err != nil {
		return nil, err
	}
	declaration := regexp.MustCompile(`(?m)^variable "([a-z_]+)"`)
	var names []string
	for name, text := range all {
		if strings.HasSuffix(name, ".pkr.hcl") {
			for _, m := range declaration.FindAllStringSubmatch(text, -1) {
				names = append(names, m[1])
			}
		}
	}
	return names, nil
}

func empty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case map[string]string:
		return len(v) == 0
	}
	return false
}

func valueOf(v any) (cty.Value, error) {
	switch v := v.(type) {
	case string:
		return cty.StringVal(v), nil
	case none:
		return cty.StringVal(""), nil
	case int:
		return cty.NumberIntVal(int64(v)), nil
	case bool:
		return cty.BoolVal(v), nil
	case map[string]string:
		all := make(map[string]cty.Value, len(v))
		for name, text := range v {
			all[name] = cty.StringVal(text)
		}
		return cty.ObjectVal(all), nil
	case []string:
		all := make([]cty.Value, 0, len(v))
		for _, text := range v {
			all = append(all, cty.StringVal(text))
		}
		return cty.TupleVal(all), nil
	case [][]string:
		all := make([]cty.Value, 0, len(v))
		for _, list := range v {
			inner, err := valueOf(list)
			if err != nil {
				return cty.NilVal, err
			}
			all = append(all, inner)
		}
		return cty.TupleVal(all), nil
	}
	return cty.NilVal, fmt.Errorf("a value of type %T cannot be written", v)
}

// literal keeps packer from taking a text for one of its own templates.
func literal(text string) string {
	return strings.ReplaceAll(text, "{{", "{{`{{`}}")
}

func literals(tags map[string]string) map[string]string {
	all := make(map[string]string, len(tags))
	for name, text := range tags {
		all[literal(name)] = literal(text)
	}
	return all
}

// slug makes of a text what every cloud takes as part of a name.
func slug(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
}
