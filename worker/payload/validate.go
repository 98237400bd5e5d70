package payload

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/xeipuuv/gojsonschema"
)

// mostProblems is how many problems are said: the first ones are the useful ones.
const mostProblems = 10

// Validate returns what is wrong with a payload, one short line for each problem that says
// where it is; nil when it is valid. The error is about the schema, not the payload.
func (s *Schema) Validate(raw json.RawMessage) (problems []string, err error) {
	compiled, err := s.compile()
	if err != nil {
		return nil, err
	}
	result, err := compiled.Validate(gojsonschema.NewBytesLoader(raw))
	if err != nil {
		return []string{"payload: it is not JSON"}, nil //nolint:nilerr // a wrong payload is a result
	}
	for _, e := range result.Errors() {
		if !explained(e, result.Errors()) {
			problems = append(problems, s.problem(e))
		}
	}
	slices.Sort(problems)
	problems = slices.Compact(problems)
	if n := len(problems); n > mostProblems {
		problems = append(problems[:mostProblems], fmt.Sprintf("… and %d more", n-mostProblems))
	}
	return problems, nil
}

// explained tells whether a problem says only that none of some alternatives is met, while others
// say what the nearest one wants.
func explained(e gojsonschema.ResultError, all []gojsonschema.ResultError) bool {
	vague := func(e gojsonschema.ResultError) bool {
		return e.Type() == "number_one_of" || e.Type() == "number_any_of"
	}
	within := func(other gojsonschema.ResultError) bool {
		return !vague(other) && strings.HasPrefix(other.Field()+".", e.Field()+".")
	}
	return vague(e) && slices.ContainsFunc(all, within)
}

// problem is one line. It does not show the payload's values.
func (s *Schema) problem(e gojsonschema.ResultError) string {
	at := position(e.Field())
	switch {
	case e.Type() == "enum" && strings.HasPrefix(e.Field(), "features."),
		e.Type() == "array_max_items" && fmt.Sprint(e.Details()["max"]) == "0":
		return at + ": this worker does not have this feature; leave it out, or have the task run by another pool"
	case e.Type() != "additional_property_not_allowed":
		return at + ": " + strings.TrimPrefix(e.Description(), e.Field()+" ")
	}
	if advice, refused := s.refused[strings.TrimPrefix(e.Field()+".", gojsonschema.STRING_CONTEXT_ROOT+".")+fmt.Sprint(e.Details()["property"])]; refused {
		return fmt.Sprintf("%s.%s: %s", at, e.Details()["property"], advice)
	}
	line := fmt.Sprintf("%s: this worker does not know the property %q", at, e.Details()["property"])
	if at == "payload" {
		line += "; it knows: " + strings.Join(s.known, ", ")
	}
	return line
}

// position writes a place in the payload as a task's author would: payload.artifacts[0].name.
func position(field string) string {
	var b strings.Builder
	b.WriteString("payload")
	if field == gojsonschema.STRING_CONTEXT_ROOT {
		return b.String()
	}
	for part := range strings.SplitSeq(field, ".") {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			b.WriteString("[" + part + "]")
		} else {
			b.WriteString("." + part)
		}
	}
	return b.String()
}
