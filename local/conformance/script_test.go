package conformance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// step is one step of the script: a call of an API method, a signed URL for one, a plain HTTP
// request, or the setting of variables. In its texts {{name}} stands for a variable, {{root}}
// for the root URL, {{now}} and {{in 5h}} for times counted from the start.
type step struct {
	Label string         `json:"label"` // of the reply in replies.txt that this one must be like
	Set   map[string]any `json:"set"`

	Call    string          `json:"call"` // "queue.claimWork"
	Sign    string          `json:"sign"` // the same: make a signed URL and do not call
	As      string          `json:"as"`   // a variable that holds credentials; none means anonymous
	Args    []string        `json:"args"`
	Payload json.RawMessage `json:"payload"`

	HTTP    string `json:"http"` // "GET": redirects are not followed
	URL     string `json:"url"`
	Headers any    `json:"headers"`
	Body    string `json:"body"`

	Status int               `json:"status"` // 0: any that is no error
	Code   string            `json:"code"`   // of an error
	Text   string            `json:"text"`   // of a plain HTTP reply
	Expect map[string]any    `json:"expect"` // values in the reply by path: "status.runs.0.state"
	Save   map[string]string `json:"save"`   // variables by path in the reply, "" is all of it
}

// record is what a step got.
type record struct {
	Status   int    `json:"status"` // 0 when a client does not tell, for it was no error
	Body     any    `json:"body"`   // of an API call or its error
	Text     string `json:"text"`   // of a plain HTTP reply
	Location string `json:"location"`
}

func loadScript(t *testing.T) []step {
	t.Helper()
	data, err := os.ReadFile("testdata/script.json")
	if err != nil {
		t.Fatal(err)
	}
	var script []step
	if err := json.Unmarshal(data, &script); err != nil {
		t.Fatal(err)
	}
	return script
}

// name is how messages call a step.
func (s step) name(i int) string {
	what := s.Label
	if what == "" {
		what = strings.TrimSpace(s.Call + s.Sign + s.HTTP + " " + s.URL + strings.Join(s.Args, " "))
	}
	return fmt.Sprintf("step %d (%s)", i+1, what)
}

// variables are the values that steps have saved.
type variables map[string]any

// expand fills variables into every text of v. A text that is nothing but one variable
// becomes its value, of whatever type.
func (vars variables) expand(t *testing.T, v any, start time.Time) any {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = vars.expand(t, value, start)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = vars.expand(t, value, start)
		}
		return out
	case string:
		return vars.fill(t, v, start)
	default:
		return v
	}
}

func (vars variables) fill(t *testing.T, text string, start time.Time) any {
	t.Helper()
	variable := regexp.MustCompile(`\{\{([^}]+)\}\}`)
	if match := variable.FindStringSubmatch(text); match != nil && match[0] == text {
		return vars.value(t, match[1], start)
	}
	return variable.ReplaceAllStringFunc(text, func(match string) string {
		return fmt.Sprint(vars.value(t, strings.Trim(match, "{}"), start))
	})
}

func (vars variables) value(t *testing.T, name string, start time.Time) any {
	t.Helper()
	const layout = "2006-01-02T15:04:05.000Z"
	if name == "now" {
		return start.UTC().Format(layout)
	}
	if hours, ok := strings.CutPrefix(name, "in "); ok {
		d, err := time.ParseDuration(hours)
		if err != nil {
			t.Fatal(err)
		}
		return start.Add(d).UTC().Format(layout)
	}
	value, ok := vars[name]
	if !ok {
		t.Fatalf("no variable %q", name)
	}
	return value
}

// text expands a text that must become one.
func (vars variables) text(t *testing.T, text string, start time.Time) string {
	t.Helper()
	return fmt.Sprint(vars.fill(t, text, start))
}

// at is the value at a path in v, nil where there is none.
func at(v any, path string) any {
	if path == "" {
		return v
	}
	key, rest, _ := strings.Cut(path, ".")
	switch v := v.(type) {
	case map[string]any:
		return at(v[key], rest)
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i < len(v) {
			return at(v[i], rest)
		}
	}
	return nil
}
