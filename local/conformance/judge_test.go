package conformance_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// judge compares what a client got with what the script expects and, where there are any,
// with the replies of a real deployment.
func judge(t *testing.T, script []step, records []record, replies map[string]any) {
	t.Helper()
	if len(records) != len(script) {
		t.Fatalf("%d of %d steps were made", len(records), len(script))
	}
	used := map[string]bool{}
	for i, s := range script {
		judgeStep(t, s.name(i), s, records[i])
		reply, ok := replies[s.Label]
		if !ok {
			continue
		}
		used[s.Label] = true
		if diff := cmp.Diff(normal(reply), normal(records[i].Body)); diff != "" {
			t.Errorf("%s: a real deployment (-) and we (+):\n%s", s.name(i), diff)
		}
	}
	for label := range replies {
		if !used[label] && !inlineOnly(label) {
			t.Errorf("no step for the reply %q", label)
		}
	}
}

func judgeStep(t *testing.T, name string, s step, got record) {
	t.Helper()
	if s.Status == 0 && got.Status >= http.StatusMultipleChoices || s.Status != 0 && got.Status != s.Status {
		t.Errorf("%s: status %d, want %d: %v %s", name, got.Status, s.Status, got.Body, got.Text)
	}
	if code := at(got.Body, "code"); s.Code != "" && code != s.Code {
		t.Errorf("%s: code %v, want %s", name, code, s.Code)
	}
	if s.Text != "" && got.Text != s.Text {
		t.Errorf("%s: got %q, want %q", name, got.Text, s.Text)
	}
	for path, want := range s.Expect {
		if diff := cmp.Diff(want, at(got.Body, path)); diff != "" {
			t.Errorf("%s: %s: %s", name, path, diff)
		}
	}
}

// normal replaces what differs from one run to the next: times, ids, secrets, addresses.
// Credentials' certificates are compared as the JSON that they are.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = normal(value)
			if slices.Contains(varying(), key) {
				out[key] = "<" + key + ">"
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = normal(value)
		}
		return out
	case string:
		return normalText(v)
	default:
		return v
	}
}

// varying are keys whose values say nothing about likeness.
func varying() []string {
	return []string{"accessToken", "seed", "signature", "secret", "uploadId", "putUrl", "url", "start", "expiry"}
}

func normalText(text string) any {
	if strings.HasPrefix(text, "{") {
		var object map[string]any
		if json.Unmarshal([]byte(text), &object) == nil {
			return normal(object)
		}
	}
	for pattern, replacement := range map[string]string{
		`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`: "<time>",
		`/until/[\d.]+`:           "/until/<time>",
		`http://127\.0\.0\.1:\d+`: "<root>",
		`with provider testing\b`: "with provider null-provider", // ours has no provider "testing"
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, replacement)
	}
	return text
}

func TestTheJudgeSeesDifferences(t *testing.T) {
	body := func(text string) any {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`{"a":"2026-11-22T02:30:45.674Z"}`, `{"a":"2027-01-02T03:04:05.000+00:00"}`, true},
		{`{"a":{"secret":"x"}}`, `{"a":{"secret":"y"}}`, true},
		{`{"a":{"secret":"x"}}`, `{"a":{}}`, false},
		{`{"c":"{\"scopes\":[\"a\"],\"start\":1}"}`, `{"c":"{\"scopes\":[\"a\"],\"start\":2}"}`, true},
		{`{"c":"{\"scopes\":[\"a\"]}"}`, `{"c":"{\"scopes\":[\"b\"]}"}`, false},
		{`{"a":[1,2]}`, `{"a":[1]}`, false},
		{`{"a":"x"}`, `{"a":"y"}`, false},
	} {
		if same := cmp.Equal(normal(body(c.a)), normal(body(c.b))); same != c.same {
			t.Errorf("%s and %s: same %v, want %v", c.a, c.b, same, c.same)
		}
	}
}
