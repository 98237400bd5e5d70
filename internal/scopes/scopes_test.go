package scopes

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSatisfies(t *testing.T) {
	for _, c := range []struct {
		held, wanted string
		want         bool
	}{
		{"a:b", "a:b", true},
		{"a:b", "a:bc", false},
		{"a:*", "a:b", true},
		{"a:*", "a:", true},
		{"a:*", "a", false},
		{"a:*", "a:b*", true},
		{"a:b*", "a:*", false},
		{"*", "anything", true},
		{"a:*:b", "a:x:b", false}, // a star means something at the end only
		{"a:*:b", "a:*:b", true},
		{"", "a", false},
	} {
		if got := Satisfies([]string{"other", c.held}, c.wanted); got != c.want {
			t.Errorf("%q grants %q: %v", c.held, c.wanted, got)
		}
	}
}

func TestNormalize(t *testing.T) {
	for _, c := range [][2]string{
		{"", ""},
		{"b a b", "a b"},
		{"a:b a:* a:c*", "a:*"},
		{"a:* b:x b:x*", "a:* b:x*"},
		{"* a b:*", "*"},
	} {
		if got := Normalize(strings.Fields(c[0])); !slices.Equal(got, strings.Fields(c[1])) {
			t.Errorf("%q: %q, want %q", c[0], got, c[1])
		}
	}
}

// TestNormalizeKeepsAuthority shows on random scopes that normalizing changes nothing of what
// they grant.
func TestNormalizeKeepsAuthority(t *testing.T) {
	scope := rapid.StringMatching(`[ab:]{0,4}\*?`)
	rapid.Check(t, func(t *rapid.T) {
		held := rapid.SliceOf(scope).Draw(t, "held")
		wanted := scope.Draw(t, "wanted")
		normal := Normalize(held)
		if Satisfies(held, wanted) != Satisfies(normal, wanted) {
			t.Fatalf("%q and %q differ about %q", held, normal, wanted)
		}
	})
}

func TestExpand(t *testing.T) {
	roles := []Role{
		{ID: "reader", Scopes: []string{"read:*"}},
		{ID: "writer", Scopes: []string{"assume:reader", "write:x"}},
		{ID: "project:*", Scopes: []string{"queue:route:<..>:*", "assume:project-admin:<..>", "fixed"}},
		{ID: "project-admin:one", Scopes: []string{"one"}},
		{ID: "project-admin:two", Scopes: []string{"two"}},
		{ID: "loop-a", Scopes: []string{"assume:loop-b", "a"}},
		{ID: "loop-b", Scopes: []string{"assume:loop-a", "b"}},
	}
	for name, c := range map[string]struct{ held, want string }{
		"none":            {"x", "x"},
		"role":            {"assume:reader", "assume:reader read:*"},
		"role of a role":  {"assume:writer", "assume:reader assume:writer read:* write:x"},
		"role by a star":  {"assume:read*", "assume:read* read:*"},
		"parameter":       {"assume:project:one", "assume:project-admin:one assume:project:one fixed one queue:route:one:*"},
		"star parameter":  {"assume:project:t*", "assume:project-admin:t* assume:project:t* fixed queue:route:t* two"},
		"wider than role": {"assume:proj*", "assume:proj* fixed one queue:route:* two"},
		"loop":            {"assume:loop-a", "a assume:loop-a assume:loop-b b"},
		"all":             {"*", "*"},
	} {
		got, err := Expand(strings.Fields(c.held), roles)
		if err != nil || !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestExpandEndless(t *testing.T) {
	roles := []Role{{ID: "a*", Scopes: []string{"assume:ab<..>"}}}
	if _, err := Expand([]string{"assume:ax"}, roles); !errors.Is(err, ErrEndless) {
		t.Error(err)
	}
	if got, err := Expand([]string{"assume:a*"}, roles); err != nil || !slices.Equal(got, []string{"assume:a*"}) {
		t.Errorf("with a star there is nothing to add: %q, %v", got, err)
	}
}

func template(t *testing.T, text string) *Template {
	t.Helper()
	parsed := new(Template)
	if err := json.Unmarshal([]byte(text), parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

const createTask = `{"AllOf": [{"each": "<scope>", "for": "scope", "in": "scopes"},
	"queue:create-task:project:<projectId>",
	{"AnyOf": [{"each": "queue:create-task:<priority>:<pool>", "for": "priority", "in": "priorities"}]}]}`

func TestRenderAndMissing(t *testing.T) {
	params := Params{
		"scopes": []string{"s1", "<projectId>"}, "projectId": "none", "priorities": []string{"low", "high"}, "pool": "p/w",
	}
	for name, c := range map[string]struct {
		text   string
		params Params
		held   string
		want   string // of what is missing, without blanks
	}{
		"scope":           {`"a:<pool>"`, params, "a:p/w", ``},
		"scope missing":   {`"a:<pool>"`, params, "a:p", `a:p/w`},
		"loops":           {createTask, params, "s1 < <projectId> queue:create-task:project:none queue:create-task:high:*", ``},
		"value is no key": {createTask, params, "s1 queue:create-task:*", `<projectId>`},
		"two missing": {
			createTask, params, "s1 <projectId>",
			`{"AllOf":["queue:create-task:project:none",{"AnyOf":["queue:create-task:low:p/w","queue:create-task:high:p/w"]}]}`,
		},
		"empty loop":         {`{"AllOf": [{"each": "x:<n>", "for": "n", "in": "names"}]}`, Params{"names": []string{}}, "", ``},
		"any of none":        {`{"AnyOf": [{"each": "x:<n>", "for": "n", "in": "names"}]}`, Params{"names": []string{}}, "*", `{"AnyOf":[]}`},
		"if holds":           {`{"if": "c", "then": "yes", "else": "no"}`, Params{"c": true}, "", `yes`},
		"if holds not":       {`{"if": "c", "then": "yes", "else": "no"}`, Params{"c": false}, "", `no`},
		"if without an else": {`{"AllOf": ["x", {"if": "c", "then": "yes"}]}`, Params{"c": false}, "x", ``},
	} {
		expression, err := template(t, c.text).Render(c.params)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := strings.Join(strings.Fields(expression.Missing(strings.Fields(c.held)).String()), "")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRenderFails(t *testing.T) {
	for _, c := range []struct {
		text   string
		params Params
	}{
		{`"a:<b>"`, nil},
		{`"a:<b>"`, Params{"b": 1}},
		{`{"AnyOf": [{"each": "x:<n>", "for": "n", "in": "names"}]}`, Params{"names": "one"}},
		{`{"AllOf": [{"if": "c", "then": "x"}]}`, Params{}},
	} {
		if got, err := template(t, c.text).Render(c.params); err == nil {
			t.Errorf("%s with %v: %v", c.text, c.params, got)
		}
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		`"plain"`:     "",
		`"a:<b>/<c>"`: "b c",
		createTask:    "pool priorities projectId scopes",
		`{"if": "c", "then": "x", "else": "<y>"}`: "c y",
	} {
		if got := template(t, text).Names(); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestNoExpression(t *testing.T) {
	for _, text := range []string{`1`, `[]`, `{}`, `{"OneOf": ["a"]}`, `{"for": "a", "in": "b"}`, `{"if": "a"}`} {
		if err := json.Unmarshal([]byte(text), new(Template)); err == nil {
			t.Errorf("%s is taken for an expression", text)
		}
	}
}

func TestString(t *testing.T) {
	e, err := template(t, `{"AllOf": ["a:<p>", "b"]}`).Render(Params{"p": "<x>"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"AllOf\": [\n    \"a:<x>\",\n    \"b\"\n  ]\n}"; e.String() != want {
		t.Errorf("%s", e)
	}
	if e := e.Missing([]string{"b"}); e.String() != "a:<x>" {
		t.Errorf("%s", e)
	}
}
