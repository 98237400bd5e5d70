package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/templates"
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
		publish(all, image.Publish[t], t, o.Version)
	}
	maps.DeleteFunc(all, func(_ string, v any) bool { return empty(v) }) // the templates have defaults
	for _, t := range targets {
		maps.Copy(all, image.Bases[t].Variables)
	}
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
	declared, err := templates.Variables()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := declared[name]; !ok {
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

func empty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case bool:
		return !v
	case []string:
		return len(v) == 0
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
	case int64:
		return cty.NumberIntVal(v), nil
	case float64:
		return cty.NumberFloatVal(v), nil
	case bool:
		return cty.BoolVal(v), nil
	case map[string]string:
		return object(v)
	case map[string]any:
		return object(v)
	case []string:
		return tuple(v)
	case [][]string:
		return tuple(v)
	case []any:
		return tuple(v)
	}
	return cty.NilVal, fmt.Errorf("a value of type %T cannot be written", v)
}

func object[V any](fields map[string]V) (cty.Value, error) {
	all := make(map[string]cty.Value, len(fields))
	for name, field := range fields {
		value, err := valueOf(field)
		if err != nil {
			return cty.NilVal, err
		}
		all[name] = value
	}
	return cty.ObjectVal(all), nil
}

func tuple[V any](parts []V) (cty.Value, error) {
	all := make([]cty.Value, 0, len(parts))
	for _, part := range parts {
		value, err := valueOf(part)
		if err != nil {
			return cty.NilVal, err
		}
		all = append(all, value)
	}
	return cty.TupleVal(all), nil
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
