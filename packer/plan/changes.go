package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
)

// Enough of a change to know which one it is.
const (
	maxShown   = 6  // single changes
	maxLetters = 40 // of a value
)

// changes says what has changed since a build.
func (p *Planner) changes(image packer.Image, s Step, since *ledger.Build) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(merged(s.Parts, since.Parts))) {
		if s.Parts[name] != since.Parts[name] {
			parts = append(parts, name)
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("this worker-images hashes definitions in another way than that of %s", since.Version)
	}
	text := fmt.Sprintf("%s changed since %s", strings.Join(parts, ", "), since.Version)
	if details := p.details(image.For(s.Target), parts, since); len(details) > 0 {
		if more := len(details) - maxShown; more > 0 {
			details = append(details[:maxShown], fmt.Sprintf("and %d more", more))
		}
		text += " (" + strings.Join(details, ", ") + ")"
	}
	return text
}

// details compares with what the record of the build says; nil when there is none.
func (p *Planner) details(image packer.Image, parts []string, since *ledger.Build) []string {
	if p.Record == nil {
		return nil
	}
	former := p.Record(since)
	if former == nil {
		return nil
	}
	before, err := valuesByPart(former.Resolved.For(since.Target))
	if err != nil {
		return nil
	}
	after, err := valuesByPart(image)
	if err != nil {
		return nil
	}
	var all []string
	for _, part := range parts {
		for _, member := range slices.Sorted(maps.Keys(merged(before[part], after[part]))) {
			all = append(all, difference(member, before[part][member], after[part][member])...)
		}
	}
	return all
}

// merged has the keys of both.
func merged[V any](a, b map[string]V) map[string]V {
	all := map[string]V{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// difference says how a value has changed, in words.
func difference(name string, before, after any) []string {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	old, now := labelled(before), labelled(after)
	if old == nil && now == nil {
		return []string{leaf(name, before, after)}
	}
	var all []string
	for _, label := range slices.Sorted(maps.Keys(merged(old, now))) {
		a, had := old[label]
		b, has := now[label]
		inner := label
		if group(before, after) {
			inner = name + " " + label
		}
		switch {
		case !had:
			all = append(all, inner+" added")
		case !has:
			all = append(all, inner+" removed")
		default:
			all = append(all, difference(inner, a, b)...)
		}
	}
	if len(all) == 0 {
		return []string{name + " in another order"}
	}
	return all
}

// labelled makes a map of a list of texts or of blocks, by the label that a block has in a
// definition; nil when the value has no parts.
func labelled(value any) map[string]any {
	switch value := value.(type) {
	case map[string]any:
		return value
	case []any:
		all := map[string]any{}
		for i, one := range value {
			label := fmt.Sprint(one)
			if block, ok := one.(map[string]any); ok {
				label = fmt.Sprint(i)
				for _, name := range []string{"path", "name"} {
					if text, ok := block[name].(string); ok {
						label = text
					}
				}
			}
			all[label] = one
		}
		return all
	}
	return nil
}

// group tells whether the labels of the parts mean something only together with its name.
func group(before, after any) bool {
	_, a := before.([]any)
	_, b := after.([]any)
	return !a && !b
}

// leaf says how a single value has changed.
func leaf(name string, before, after any) string {
	a, b := shown(before), shown(after)
	switch {
	case before == nil:
		return name + " added"
	case after == nil:
		return name + " removed"
	case a == "" || b == "":
		return name + " changed"
	}
	return fmt.Sprintf("%s %s → %s", name, a, b)
}

// shown is a value in a few letters; "" when it has more.
func shown(value any) string {
	switch value.(type) {
	case string, json.Number, bool:
	default:
		return ""
	}
	text := fmt.Sprint(value)
	if len(text) > maxLetters || strings.ContainsAny(text, "\n\r\t") || strings.Contains(text, "://") && strings.ContainsAny(text, "?@") {
		return "" // a URL with a user or a signature is nobody's business
	}
	return text
}
