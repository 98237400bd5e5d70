package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/plan"
)

// maxShown is how many characters of a value a line has.
const maxShown = 60

// shown is what show prints as JSON.
type shown struct {
	packer.Image

	// Hashes identify what the image is in each target, as the ledger does; none where a file
	// cannot be read.
	Hashes map[packer.Target]string `json:"hashes"`
}

func (p *program) newShowCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "show NAME",
		Short: "Show an image as it was resolved, and where each value comes from",
		Long: "Show an image with extends, matrix, locals and variables resolved: each value, and the line, default\n" +
			"or lock that it comes from; a long one in part. At the end, for each target, the hash under which\n" +
			"the ledger knows it. With --json it is all of it.",
		Example: "  worker-images show debian-12-worker-amd64\n  worker-images show debian-12-worker-amd64 --json | jq .hashes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := p.load()
			if err != nil {
				return err
			}
			image, err := find(all, args[0])
			if err != nil {
				return err
			}
			s, hashError := p.hashed(image)
			if asJSON {
				return errors.Join(printJSON(cmd.OutOrStdout(), s), hashError)
			}
			return errors.Join(printImage(cmd.OutOrStdout(), s), hashError)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return command
}

// hashed adds the hashes; the error is the first of computing them.
func (p *program) hashed(image packer.Image) (shown, error) {
	s := shown{image, map[packer.Target]string{}}
	definitions := plan.NewDefinitions(os.DirFS(p.folder))
	for _, t := range image.Targets {
		definition, err := definitions.Of(image, t)
		if err != nil {
			return s, err
		}
		s.Hashes[t] = definition.Hash
	}
	return s, nil
}

// printImage prints a line for each value.
func printImage(out io.Writer, s shown) error {
	values, err := flatten(s.Image)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", key, short(values[key]), s.From[key])
	}
	for _, t := range s.Targets {
		if s.Hashes[t] != "" {
			fmt.Fprintf(w, "hash of %s\t%s\n", t, s.Hashes[t])
		}
	}
	return w.Flush()
}

// flatten gives each value its path in the language of the definitions: the keys of Image.From.
func flatten(image packer.Image) (map[string]any, error) {
	image.From = nil
	text, err := json.Marshal(image)
	if err != nil {
		return nil, fmt.Errorf("show %s: %w", image.Name, err)
	}
	var tree map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("show %s: %w", image.Name, err)
	}
	byLabel(tree)
	values := map[string]any{}
	flattenInto(values, "", tree)
	return values, nil
}

// call is a value that is shown as it stands in a definition.
type call string

// byLabel turns the lists of blocks into what they are in a definition: blocks with labels.
func byLabel(tree map[string]any) {
	for plural, block := range map[string]struct{ name, label string }{
		"files": {"file", "path"}, "downloads": {"download", "path"}, "scripts": {"script", "name"},
		"services": {"service", "name"}, "tests": {"test", "name"},
	} {
		list, _ := tree[plural].([]any)
		delete(tree, plural)
		blocks := map[string]any{}
		for _, entry := range list {
			one, _ := entry.(map[string]any)
			label, _ := one[block.label].(string)
			delete(one, block.label)
			secrets, _ := one["secrets"].(map[string]any)
			if delete(one, "secrets"); len(secrets) > 0 {
				environment, _ := one["environment"].(map[string]any)
				if environment == nil {
					environment = map[string]any{}
				}
				for name, reference := range secrets {
					environment[name] = call(fmt.Sprintf("secret(%q)", reference))
				}
				one["environment"] = environment
			}
			blocks[label] = one
		}
		tree[block.name] = blocks
	}
	tree["base"] = tree["bases"]
	delete(tree, "bases")
}

func flattenInto(values map[string]any, key string, tree any) {
	switch tree := tree.(type) {
	case map[string]any:
		for name, part := range tree {
			inner := packer.Key(name)
			if key != "" && inner[0] != '[' {
				inner = "." + inner
			}
			flattenInto(values, key+inner, part)
		}
	case []any:
		for i, part := range tree {
			flattenInto(values, fmt.Sprintf("%s[%d]", key, i), part)
		}
	default:
		values[key] = tree
	}
}

// short shows a value in one line.
func short(value any) string {
	text := fmt.Sprint(value)
	if s, ok := value.(string); ok {
		quoted := fmt.Sprintf("%q", s)
		if quoted != `"`+s+`"` || s == "" {
			text = quoted
		}
	}
	if runes := []rune(text); len(runes) > maxShown {
		text = string(runes[:maxShown]) + "…"
	}
	return text
}
