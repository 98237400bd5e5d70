package payload_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/payload"
)

func property(name, kind string) payload.Fragment {
	return payload.Fragment{Properties: map[string]any{name: map[string]any{"type": kind}}}
}

func TestMergeConflicts(t *testing.T) {
	feature := payload.Fragment{Features: map[string]payload.Feature{"x": {Default: true}}}
	for name, c := range map[string]struct {
		fragments map[string]payload.Fragment
		says      []string
	}{
		"property": {map[string]payload.Fragment{"one": property("p", "string"), "two": property("p", "string")}, []string{"property p", "one", "two"}},
		"feature":  {map[string]payload.Fragment{"one": feature, "two": feature}, []string{"feature x", "one", "two"}},
		"features": {map[string]payload.Fragment{"one": property("features", "object"), "two": feature}, []string{"features", "one"}},
		"required": {map[string]payload.Fragment{"one": {Required: []string{"p"}}}, []string{"one", "p"}},
	} {
		_, err := payload.Merge(c.fragments)
		if err == nil {
			t.Errorf("%s: merged", name)
			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q is not in %q", name, part, err)
			}
		}
	}
}

// TestBadSchema is found when it is compiled, by Warm.
func TestBadSchema(t *testing.T) {
	s, err := payload.Merge(map[string]payload.Fragment{"one": property("p", "no-such-type")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Warm(); err == nil {
		t.Error("compiled")
	}
	if _, err := s.Validate(json.RawMessage(`{}`)); err == nil {
		t.Error("validated")
	}
}

func sample(t *testing.T) *payload.Schema {
	t.Helper()
	s, err := payload.Merge(map[string]payload.Fragment{
		"list": {
			Properties: map[string]any{"list": map[string]any{
				"type": "array", "minItems": 1, "uniqueItems": true,
				"items": map[string]any{"type": "object", "required": []any{"name"}, "properties": map[string]any{
					"name": map[string]any{"type": "string"}, "until": map[string]any{"type": "string", "format": "date-time"},
				}, "additionalProperties": false},
			}},
			Required: []string{"list"},
			Features: map[string]payload.Feature{"fast": {Description: "Be fast.", Default: true}, "big": {Absent: true}},
		},
		"other": property("count", "integer"),
		"either": {Properties: map[string]any{"either": map[string]any{"oneOf": []any{
			map[string]any{"type": "object", "required": []any{"a"}, "properties": map[string]any{"a": map[string]any{"enum": []any{"x", "y"}}}, "additionalProperties": false},
			map[string]any{"type": "object", "required": []any{"b"}, "properties": map[string]any{"b": map[string]any{"type": "string"}, "c": map[string]any{}}, "additionalProperties": false},
		}}}},
		"old": {Refused: map[string]string{"volumes": "use list", "features.turbo": "use fast"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMessages: each problem is a line that says where it is, for whoever wrote the task.
func TestMessages(t *testing.T) {
	s := sample(t)
	for text, want := range map[string][]string{
		`{"list": [{"name": "a"}], "count": 1e3, "features": {"fast": false}}`: nil,
		`{"list": [{"name": "a"}, {"name": 1}]}`:                               {"payload.list[1].name: Invalid type. Expected: string, given: integer"},
		`{}`:                                                                   {"payload: list is required"},
		`{"list": []}`:                                                         {"payload.list: Array must have at least 1 items"},
		`{"list": [{}]}`:                                                       {"payload.list[0]: name is required"},
		`{"list": [{"name": "", "x": 1}]}`:                                     {`payload.list[0]: this worker does not know the property "x"`},
		`{"list": [{"name": ""}], "image": 1}`:                                 {`payload: this worker does not know the property "image"; it knows: count, either, features, list`},
		`{"list": [{"name": ""}], "features": {"slow": true}}`:                 {`payload.features: this worker does not know the property "slow"`},
		`{"list": [{"name": ""}], "volumes": 1}`:                               {"payload.volumes: use list"},
		`{"list": [{"name": ""}], "features": {"turbo": false, "volumes": 1}}`: {"payload.features.turbo: use fast", `payload.features: this worker does not know the property "volumes"`},
		`{"list": [{"name": "", "until": "soon"}]}`:                            {"payload.list[0].until: "},
		`{"list": [{"name": ""}, {"name": ""}], "count": "x"}`:                 {"payload.count: Invalid type. Expected: integer, given: string", "payload.list: array items[0,1] must be unique"},
		`{"list": [{"name": ""}], "features": {"big": false}}`:                 nil,
		`{"list": [{"name": ""}], "features": {"big": true}}`:                  {"payload.features.big: this worker does not have this feature"},
		// Of alternatives the nearest one says what is wrong.
		`{"list": [{"name": ""}], "either": {"a": "z"}}`:         {`payload.either.a: must be one of the following: "x", "y"`},
		`{"list": [{"name": ""}], "either": {"b": "", "d": ""}}`: {`payload.either: this worker does not know the property "d"`},
		`{"list": [{"name": ""}], "either": 3}`:                  {"payload.either: Invalid type. Expected: object, given: integer"},
		`[]`:                                                     {"payload: Invalid type. Expected: object, given: array"},
		`{"`:                                                     {"payload: it is not JSON"},
		`nul`:                                                    {"payload: it is not JSON"},
		``:                                                       {"payload: it is not JSON"},
	} {
		got, err := s.Validate(json.RawMessage(text))
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %q, %v", text, got, err)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) || strings.Contains(got[i], "\n") {
				t.Errorf("%s: %q, want %q", text, got[i], want[i])
			}
		}
	}
}

// TestManyProblems are cut short.
func TestManyProblems(t *testing.T) {
	got, err := sample(t).Validate(json.RawMessage(`{"list": [` + strings.TrimSuffix(strings.Repeat(`{},`, 50), ",") + `]}`))
	if err != nil || len(got) != 11 || !strings.HasSuffix(got[10], "more") {
		t.Errorf("%q, %v", got, err)
	}
}

// TestJSON: the schema is read by people and their tools.
func TestJSON(t *testing.T) {
	text, err := sample(t).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Schema               string `json:"$schema"`
		AdditionalProperties bool
		Required             []string
		Properties           struct {
			Features struct {
				Properties map[string]struct {
					Default     bool
					Description string
				}
			}
		}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	fast := s.Properties.Features.Properties["fast"]
	if s.Schema != "http://json-schema.org/draft-07/schema#" || len(s.Required) != 1 || !fast.Default || fast.Description != "Be fast." {
		t.Errorf("%s", text)
	}
}
