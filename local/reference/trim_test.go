package reference

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write references.json anew from the public reference")

// publicReference is the whole public reference, which lies beside the repository and not in it.
const publicReference = "../../../shared/taskcluster/references.json"

// TestReferencesAreThePublicOnes compares the embedded data with the public reference.
func TestReferencesAreThePublicOnes(t *testing.T) {
	source, err := os.ReadFile(publicReference)
	if os.IsNotExist(err) {
		t.Skipf("%s is not here: the embedded reference cannot be compared with it", publicReference)
	}
	if err != nil {
		t.Fatal(err)
	}
	want, err := trim(source)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("references.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(data, want) {
		t.Fatal("references.json is not what the public reference gives: run go test ./local/reference -update")
	}
}

// trim keeps the services that taskcluster-local offers and the schemas they need, without
// the texts for readers, one document a line.
func trim(source []byte) ([]byte, error) {
	var documents []struct {
		Filename string         `json:"filename"`
		Content  map[string]any `json:"content"`
	}
	if err := json.Unmarshal(source, &documents); err != nil {
		return nil, err
	}
	all := map[string]map[string]any{}
	for _, d := range documents {
		all[d.Filename] = d.Content
	}
	kept := map[string]any{}
	for _, service := range []string{"auth", "queue", "worker-manager", "secrets", "index", "purge-cache", "object"} {
		name := "references/" + service + "/v1/api.json"
		api, schemas := trimAPI(service, all[name])
		kept[name] = api
		for _, s := range schemas {
			keepSchema(all, kept, s)
		}
	}
	// What no method names: the configs of pools of the emulated clouds.
	for _, cloud := range []string{"aws", "google", "azure"} {
		keepSchema(all, kept, "schemas/worker-manager/v1/config-"+cloud+".json")
	}
	names := make([]string, 0, len(kept))
	for name := range kept {
		names = append(names, name)
	}
	slices.Sort(names)
	lines := make([]string, 0, len(names))
	for _, name := range names {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false) // "<taskId>" stays readable
		if err := encoder.Encode(map[string]any{"filename": name, "content": kept[name]}); err != nil {
			return nil, err
		}
		lines = append(lines, strings.TrimSpace(line.String()))
	}
	return fmt.Appendf(nil, "[\n%s\n]\n", strings.Join(lines, ",\n")), nil
}

// trimAPI returns the API with only what the server reads, and the schemas it names.
func trimAPI(service string, api map[string]any) (trimmed map[string]any, schemas []string) {
	var entries []any
	for _, e := range api["entries"].([]any) {
		full, entry := e.(map[string]any), map[string]any{}
		for _, key := range []string{"name", "method", "route", "query", "scopes", "input", "output", "stability"} {
			if value, ok := full[key]; ok {
				entry[key] = value
			}
		}
		for _, key := range []string{"input", "output"} {
			if name, ok := entry[key].(string); ok {
				schemas = append(schemas, "schemas/"+service+"/"+strings.TrimSuffix(name, "#"))
			}
		}
		entries = append(entries, entry)
	}
	return map[string]any{"serviceName": service, "apiVersion": api["apiVersion"], "entries": entries}, schemas
}

// keepSchema keeps the schema and all that it refers to.
func keepSchema(all map[string]map[string]any, kept map[string]any, name string) {
	if _, done := kept[name]; done {
		return
	}
	kept[name] = trimSchema(all[name], false)
	for _, ref := range references(all[name]) {
		file, _, _ := strings.Cut(ref, "#")
		if file != "" {
			keepSchema(all, kept, path.Join(path.Dir(name), file))
		}
	}
}

// trimSchema drops titles and descriptions, but not properties of those names.
func trimSchema(value any, names bool) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, child := range v {
			if !names && (key == "title" || key == "description") {
				continue
			}
			out[key] = trimSchema(child, !names && (key == "properties" || key == "definitions"))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = trimSchema(child, false)
		}
		return out
	default:
		return v
	}
}

func references(value any) []string {
	var refs []string
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			if ref, ok := child.(string); ok && key == "$ref" {
				refs = append(refs, ref)
			}
			refs = append(refs, references(child)...)
		}
	case []any:
		for _, child := range v {
			refs = append(refs, references(child)...)
		}
	}
	return refs
}
