package scopes

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Expression is a scope, or else all of a list or any of a list. The zero value asks for
// nothing.
type Expression struct {
	scope string
	all   []Expression
	any   []Expression
}

// Missing returns what the held scopes lack, which is the zero Expression when they satisfy e.
func (e Expression) Missing(held []string) Expression {
	switch {
	case e.any != nil:
		missing := make([]Expression, 0, len(e.any))
		for _, sub := range e.any {
			m := sub.Missing(held)
			if m.Empty() {
				return Expression{}
			}
			missing = append(missing, m)
		}
		if len(missing) == 1 {
			return missing[0]
		}
		return Expression{any: missing}
	case e.all != nil:
		var missing []Expression
		for _, sub := range e.all {
			if m := sub.Missing(held); !m.Empty() {
				missing = append(missing, m)
			}
		}
		if len(missing) == 1 {
			return missing[0]
		}
		return Expression{all: missing}
	case e.scope == "" || Satisfies(held, e.scope):
		return Expression{}
	default:
		return e
	}
}

// Empty tells whether e is the zero Expression. An AnyOf of nothing is not empty: nothing
// satisfies it.
func (e Expression) Empty() bool { return e.scope == "" && e.all == nil && e.any == nil }

// tree is e as the reference writes it in JSON.
func (e Expression) tree() any {
	word, list := "AllOf", e.all
	if e.any != nil {
		word, list = "AnyOf", e.any
	}
	if list == nil {
		return e.scope
	}
	trees := make([]any, len(list))
	for i, sub := range list {
		trees[i] = sub.tree()
	}
	return map[string]any{word: trees}
}

// String returns e as services show it in their errors: a scope bare, the rest as JSON.
func (e Expression) String() string {
	if e.all == nil && e.any == nil {
		return e.scope
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(e.tree()); err != nil {
		return fmt.Sprintf("(unprintable: %v)", err) // cannot happen: it is all strings
	}
	return string(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
}
