package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/runner/config"
)

// object decodes a JSON object of a test.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	m, err := config.Object(json.RawMessage(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ below, above, want string }{
		{`{"a":1}`, `{"b":2}`, `{"a":1,"b":2}`},
		{`{"a":1}`, `{"a":2}`, `{"a":2}`},
		{`{"a":{"x":1,"y":1}}`, `{"a":{"y":2,"z":2}}`, `{"a":{"x":1,"y":2,"z":2}}`},
		{`{"a":[1,2]}`, `{"a":[2,3]}`, `{"a":[1,2,2,3]}`}, // lists are joined, with doubles
		{`{"a":[1]}`, `{"a":2}`, `{"a":2}`},               // of different types: the upper one
		{`{"a":{"x":1}}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"a":[1]}`, `{"a":{"x":1}}`, `{"a":{"x":1}}`},
		{`{"a":{"x":1}}`, `{"a":null}`, `{"a":null}`},
		{`{"a":null}`, `{"a":{"x":1}}`, `{"a":{"x":1}}`},
		{`{}`, `{"n":12345678901234567890}`, `{"n":12345678901234567890}`}, // numbers as written
	} {
		below, above := object(t, c.below), object(t, c.above)
		if got := encoded(t, config.Merge(below, above)); got != c.want {
			t.Errorf("%s and %s: %s, want %s", c.below, c.above, got, c.want)
		}
		if encoded(t, below) != c.below || encoded(t, above) != c.above {
			t.Errorf("%s and %s were changed", c.below, c.above)
		}
	}
	if got := encoded(t, config.Merge(nil, nil)); got != "{}" {
		t.Errorf("nothing merges to %s", got)
	}
}

// TestMergeLaws: without lists, merging a layer twice changes nothing, and nothing is nothing.
func TestMergeLaws(t *testing.T) {
	values := rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.Just[any](nil), rapid.Int().AsAny(), rapid.StringN(0, 3, -1).AsAny(),
		)
	})
	inner := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), values, 0, 2).AsAny()
	objects := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.OneOf(values, inner, inner), 0, 3)
	normal := func(m map[string]any) map[string]any { // inner maps have the type of JSON
		var copied map[string]any
		text, err := json.Marshal(m)
		if err == nil {
			err = json.Unmarshal(text, &copied)
		}
		if err != nil {
			panic(err)
		}
		return copied
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := normal(objects.Draw(t, "a")), normal(objects.Draw(t, "b"))
		if diff := cmp.Diff(a, config.Merge(nil, a, map[string]any{})); diff != "" {
			t.Fatalf("nothing: %s", diff)
		}
		if diff := cmp.Diff(config.Merge(a, b), config.Merge(a, b, b)); diff != "" {
			t.Fatalf("twice: %s", diff)
		}
	})
}

func TestPoolLayer(t *testing.T) {
	for _, c := range []struct{ in, want, files, warning string }{
		{`{"genericWorker":{"config":{"a":1}}}`, `{"a":1}`, "", ""},
		{`{"genericWorker":{"config":{"a":1},"files":[{"path":"/x","format":"file"}],"other":1}}`, `{"a":1}`, "/x", ""},
		{`{"genericWorker":{}}`, `null`, "", ""},
		{`{}`, `{}`, "", ""},
		{`{"a":1,"b":{"c":2}}`, `{"a":1,"b":{"c":2}}`, "", ""},                                 // the older form
		{`{"dockerWorker":{"config":{"a":1}}}`, `{"dockerWorker":{"config":{"a":1}}}`, "", ""}, // not ours to read
		{`{"genericWorker":7}`, `{"genericWorker":7}`, "", ""},
		{`{"genericWorker":{"config":{"a":1}},"smoke":true,"also":1}`, `{"a":1}`, "", "also, smoke beside genericWorker"},
		{`{"genericWorker":{"a":1},"b":1}`, `{"b":1,"genericWorker":{"a":1}}`, "", ""},
	} {
		l, warning, err := config.PoolLayer(json.RawMessage(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		var files []string
		for _, f := range l.Files {
			files = append(files, f.Path)
		}
		if got := encoded(t, l.Config); got != c.want || strings.Join(files, " ") != c.files || !strings.Contains(warning, c.warning) || (warning == "") != (c.warning == "") {
			t.Errorf("%s: %s, files %v, warning %q", c.in, got, files, warning)
		}
	}
	for in, want := range map[string]string{
		`[]`:                              "must be an object, but is a list",
		`nonsense`:                        "not JSON",
		`{"genericWorker":{"config":7}}`:  "genericWorker: config must not be a JSON number",
		`{"genericWorker":{"files":{}}}`:  "genericWorker: files must not be a JSON object",
		`{"genericWorker":{"files":[7]}}`: "genericWorker: files must not be a JSON number",
	} {
		if _, _, err := config.PoolLayer(json.RawMessage(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestSecretLayer(t *testing.T) {
	for _, c := range []struct{ in, want, warning string }{
		{`{"config":{"a":1}}`, `{"a":1}`, ""},
		{`{"config":{"a":1},"files":[]}`, `{"a":1}`, ""},
		{`{"files":[{"path":"/x"}]}`, `null`, ""},
		{`{}`, `null`, ""},
		{`{"a":1}`, `{"a":1}`, ""}, // the older form
		{`{"config":{"a":1},"b":2}`, `{"b":2,"config":{"a":1}}`, ""},
		{`{"config":"hunter2"}`, `{"config":"hunter2"}`, "config must not be a JSON string"},
		{`{"config":{},"files":[{"unknown":"hunter2"}]}`, `{"config":{},"files":[{"unknown":"hunter2"}]}`, "does not have the form"},
	} {
		l, warning, err := config.SecretLayer(json.RawMessage(c.in))
		if got := encoded(t, l.Config); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.in, got, err, c.want)
		}
		if !strings.Contains(warning, c.warning) || (warning == "") != (c.warning == "") || strings.Contains(warning, "hunter2") {
			t.Errorf("%s: warning %q", c.in, warning)
		}
	}
	for _, in := range []string{`"hunter2"`, `["hunter2"]`, `{"hunter2`, `7`} {
		if _, _, err := config.SecretLayer(json.RawMessage(in)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestWorkerkit(t *testing.T) {
	m := object(t, `{"WorkerKit":{"a":1},"workerkits":2,"b":3}`)
	if !config.Workerkit(m) || config.Workerkit(config.WithoutWorkerkit(m)) {
		t.Error("keys match whatever their case, as in the worker")
	}
	if got := encoded(t, config.WithoutWorkerkit(m)); got != `{"b":3,"workerkits":2}` {
		t.Errorf("without: %s", got)
	}
	if got := encoded(t, config.OnlyWorkerkit(m)); got != `{"WorkerKit":{"a":1}}` {
		t.Errorf("only: %s", got)
	}
}

func TestRedacted(t *testing.T) {
	l := config.Layer{Config: object(t, `{"a":"hunter2","b":{"c":["hunter2",2],"d":null,"e":5}}`)}
	if got := encoded(t, l.Redacted().Config); got != `{"a":"[redacted]","b":{"c":"[redacted]","d":null,"e":"[redacted]"}}` {
		t.Error(got)
	}
	if !strings.Contains(encoded(t, l.Config), "hunter2") {
		t.Error("the layer itself was changed")
	}
}
