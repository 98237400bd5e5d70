package reference

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func load(t *testing.T) *Reference {
	t.Helper()
	r, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEverySchemaCompiles shows that each schema that a method names is there with all that it
// refers to, and that Go's regular expressions understand its patterns.
func TestEverySchemaCompiles(t *testing.T) {
	r := load(t)
	schemas := 0
	for _, s := range r.Services() {
		for _, e := range s.Entries {
			for _, id := range []string{e.Input, e.Output} {
				if id == "" {
					continue
				}
				schemas++
				if _, err := r.Schema(id); err != nil {
					t.Errorf("%s.%s: %v", s.Name, e.Name, err)
				}
			}
		}
	}
	if schemas < 100 {
		t.Errorf("only %d schemas are named", schemas)
	}
	if _, err := r.Schema("/schemas/queue/v1/absent.json#"); err == nil {
		t.Error("an absent schema compiles")
	}
}

func TestService(t *testing.T) {
	r := load(t)
	queue, ok := r.Service("queue")
	if !ok || queue.Version != "v1" {
		t.Fatalf("queue: %v, %v", queue.Version, ok)
	}
	for _, e := range queue.Entries {
		if e.Name != "claimWork" {
			continue
		}
		if e.Method != "post" || e.Route != "/claim-work/<taskQueueId>" ||
			e.Output != "/schemas/queue/v1/claim-work-response.json#" || !strings.Contains(string(e.Scopes), "AllOf") {
			t.Errorf("claimWork: %+v", e)
		}
	}
	if _, ok := r.Service("hooks"); ok {
		t.Error("hooks is not offered and yet in the reference")
	}
}

// TestSchemasAssert shows that formats and references across files take part in validation.
func TestSchemasAssert(t *testing.T) {
	schema, err := load(t).Schema("/schemas/auth/v1/list-roles-response.json#")
	if err != nil {
		t.Fatal(err)
	}
	for created, valid := range map[string]bool{
		"2026-11-22T02:30:45.674Z":  true,
		"2026-11-22T02:30:45+00:00": true,
		"2026-11-22":                false,
		"yesterday":                 false,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(`[{"roleId":"r","scopes":[],"description":"",
			"created":"` + created + `","lastModified":"2026-11-22T02:30:45.674Z","expandedScopes":[]}]`))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != valid {
			t.Errorf("created %s: %v", created, err)
		}
	}
}

func TestDocument(t *testing.T) {
	r := load(t)
	doc, ok := r.Document("/schemas/queue/v1/task.json")
	if !ok || !strings.Contains(string(doc), "taskQueueId") {
		t.Errorf("document: %v %.80s", ok, doc)
	}
	if _, ok := r.Document("/schemas/queue/v1/absent.json"); ok {
		t.Error("an absent document is there")
	}
}
