//go:build !windows

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/config"
)

//nolint:gochecknoglobals // a flag of the test
var update = flag.Bool("update", false, "write the generated documentation")

// property is one of the JSON schema, as far as the page shows it.
type property struct {
	Type                 string
	Description          string
	Default              any
	Enum                 []any
	Format               string
	Minimum              *float64
	MinItems, MaxItems   *int
	UniqueItems          bool
	Required             []string
	Properties           map[string]property
	Items                *property
	OneOf                []property
	AdditionalProperties json.RawMessage
}

// kind says in words what a property takes.
func (p property) kind() string {
	text := p.Type
	switch {
	case p.OneOf != nil: // forms of the same type, which the page of the features has
		return p.OneOf[0].kind()
	case p.Enum != nil:
		values := make([]string, len(p.Enum))
		for i, v := range p.Enum {
			values[i] = fmt.Sprintf("`%v`", v)
		}
		return strings.Join(values, " or ")
	case p.Type == "array" && p.MaxItems != nil && *p.MaxItems == 0:
		text = "empty list"
	case p.Type == "array":
		text = "list of " + p.Items.kind()
		if p.MinItems != nil && *p.MinItems > 0 {
			text = "non-empty " + text
		}
	case p.Type == "object" && p.Properties == nil:
		text = "object of strings"
	case p.Format == "date-time":
		text = "time (ISO 8601)"
	case p.Format != "":
		text += " (" + p.Format + ")"
	}
	if p.Minimum != nil {
		text += fmt.Sprintf(", at least %v", *p.Minimum)
	}
	return text
}

// rows are the table's, parents first.
func (p property) rows(t *testing.T, prefix string, required bool) string {
	t.Helper()
	if prefix != "" && p.Description == "" {
		t.Errorf("%s has no description", prefix)
	}
	row := ""
	if prefix != "" {
		usual := ""
		switch {
		case required:
			usual = "required"
		case p.Default != nil:
			text, err := json.Marshal(p.Default)
			if err != nil {
				t.Fatal(err)
			}
			usual = "`" + string(text) + "`"
		}
		row = fmt.Sprintf("| `%s` | %s | %s | %s |\n", prefix, p.kind(), usual, strings.ReplaceAll(p.Description, "|", `\|`))
		prefix += "."
	}
	inner := p
	if p.Items != nil && p.Items.Properties != nil {
		inner, prefix = *p.Items, strings.TrimSuffix(prefix, ".")+"[]."
	}
	for _, name := range slices.Sorted(maps.Keys(inner.Properties)) {
		row += inner.Properties[name].rows(t, prefix+name, slices.Contains(inner.Required, name))
	}
	return row
}

// TestPayloadPage: the page says what the schema says.
func TestPayloadPage(t *testing.T) {
	defaults := config.Defaults()
	defaults.Workerkit.Engine = config.EngineMultiuser // which has all features
	schema, err := parts{config: &defaults}.schema()
	if err != nil {
		t.Fatal(err)
	}
	text, err := schema.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var top property
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	want := `# Payload

What a task may ask of [generic-worker](generic-worker.md#payload), made from the schema that
` + "`generic-worker-multiuser show-payload-schema`" + ` prints on Linux, macOS and FreeBSD. Any other property makes the
payload malformed. [Features](features.md) has what they do, and the forms of mounts.

<!-- made by go test ./cmd/generic-worker -run PayloadPage -update -->

| property | type | default | |
|---|---|---|---|
` + top.rows(t, "", true)
	page := filepath.Join("..", "..", "docs", "reference", "payload.md")
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the schema says: run go test ./cmd/generic-worker -run PayloadPage -update", page)
	}
}
