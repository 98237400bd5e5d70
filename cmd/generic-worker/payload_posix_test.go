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
	"strconv"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins/rdp"
	"github.com/workerkit/workerkit/worker/plugins/runasadmin"
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

// onWindows is what payloads have on Windows alone. The two plugins are asked here; what is built on Windows
// only, or asked for there, must be in the sources in the same words.
func onWindows(t *testing.T) string {
	t.Helper()
	const (
		command = "The commands, executed one after the other until one fails: each the text of a batch file. Environment and current directory carry over to the next."
		window  = "Do not show a window for the commands' console on the task's desktop. Where there is no desktop there is none in any case."
	)
	for text, path := range map[string]string{command: "../../worker/commands/command_windows.go", window: "parts.go"} {
		source, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(source), strconv.Quote(text)) {
			t.Errorf("%s has no longer the description %q", path, text)
		}
	}
	merged, err := payload.Merge(map[string]payload.Fragment{
		"command": {Required: []string{"command"}, Properties: map[string]any{"command": map[string]any{
			"description": command, "type": "array", "minItems": 1, "items": map[string]any{"type": "string"},
		}}},
		"window":        {Features: map[string]payload.Feature{"hideCmdWindow": {Description: window}}},
		"rdp":           rdp.New(rdp.Config{}).Payload(),
		"administrator": runasadmin.New(runasadmin.Config{}).Payload(),
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := merged.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var top property
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	return `
## On Windows

Where these differ or are more than above. ` + "`rdpInfo` and `features.runAsAdministrator`" + ` exist with the engine multiuser only; with
insecure the feature may be false. Loopback devices are malformed-payload, as on every system but Linux.

| property | type | default | |
|---|---|---|---|
` + top.rows(t, "", true)
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
` + top.rows(t, "", true) + onWindows(t)
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
