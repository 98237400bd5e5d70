package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/nearest"
)

// block is a group of keys in a configuration file. Reading a key marks it as known and
// reports what is wrong with it.
type block struct {
	report *report
	file   string
	path   string           // of the block itself: "provider"; "" at the top
	lineOf func(string) int // of a key by its path
	// plain tells whether the text of a key, by its path, stands without quotes; nil where none
	// can.
	plain  func(string) bool
	values map[string]any
	used   map[string]bool
	blocks map[string]*block // made by object
	void   bool              // the block itself is missing or wrong, which has been reported
}

// broken is the value of a key whose value could not be found out, which has been reported.
type broken struct{}

type need bool

const (
	optional need = false
	required need = true
)

func (b *block) key(name string) string { return join(b.path, name) }

func (b *block) at(name, text string) *Problem {
	return &Problem{File: b.file, Line: b.lineOf(b.key(name)), Key: b.key(name), Text: text}
}

func (b *block) problem(name, format string, args ...any) {
	b.report.add(b.at(name, fmt.Sprintf(format, args...)))
}

func (b *block) warn(name, text string) { b.report.warn(b.at(name, text)) }

// has tells whether the key is there with a value. A key without a value counts as absent
// unless somebody requires it.
func (b *block) has(name string) bool { return b.values[name] != nil }

// get returns the value of a key, or reports that it is missing.
func (b *block) get(name string, n need) (any, bool) {
	b.used[name] = true
	value, there := b.values[name]
	switch {
	case value == broken{}:
	case value != nil:
		return value, true
	case b.void:
	case n == optional && there:
		b.warn(name, "has no value and is ignored")
	case there:
		b.problem(name, "has no value")
	case n == required:
		text := "is missing"
		if near, ok := b.near(name); ok {
			text += fmt.Sprintf("; line %d has %s: did you mean %s?", b.lineOf(b.key(near)), near, name)
		}
		b.problem(name, "%s", text)
	}
	return nil, false
}

func (b *block) text(name string, n need) string {
	value, ok := b.get(name, n)
	if !ok {
		return ""
	}
	s, ok := value.(string)
	if !ok {
		advice := ""
		switch value.(type) {
		case map[string]any, []any:
		default:
			advice = ": put it in quotes"
		}
		b.problem(name, "must be text, but is %s%s", describe(value), advice)
	} else if s == "" && n == required {
		b.problem(name, "is empty")
	}
	return s
}

// flag reads a bool.
func (b *block) flag(name string, fallback bool) bool {
	value, ok := b.get(name, optional)
	if !ok {
		return fallback
	}
	on, ok := b.truth(name)
	if !ok {
		b.problem(name, "must be true or false, but is %s", describe(value))
		return fallback
	}
	return on
}

// truth is the value of a key that is a bool; yes, no, on and off without quotes count as well,
// as they do in older YAML.
func (b *block) truth(name string) (on, ok bool) {
	switch v := b.values[name].(type) {
	case bool:
		return v, true
	case string:
		if b.plain == nil || !b.plain(b.key(name)) {
			return false, false
		}
		v = strings.ToLower(v)
		on = v == "yes" || v == "on"
		return on, on || v == "no" || v == "off"
	}
	return false, false
}

// object reads a map as a block; an absent one is empty. Asking again gives the same block.
func (b *block) object(name string, n need) *block {
	if known, ok := b.blocks[name]; ok {
		return known
	}
	inner := &block{report: b.report, file: b.file, path: b.key(name), lineOf: b.lineOf, plain: b.plain, used: map[string]bool{}}
	value, ok := b.get(name, n)
	if ok {
		if inner.values, ok = value.(map[string]any); !ok {
			b.problem(name, "must be a map of keys and values, but is %s", describe(value))
		}
	}
	inner.void = !ok && (n == required || value != nil)
	if b.blocks == nil {
		b.blocks = map[string]*block{}
	}
	b.blocks[name] = inner
	return inner
}

// unknown lists the keys that nobody has read.
func (b *block) unknown() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(b.values)), func(k string) bool { return b.used[k] })
}

// warnUnknown warns of every key that nobody has read.
func (b *block) warnUnknown() {
	for _, name := range b.unknown() {
		b.warn(name, "is no known key and is ignored"+b.hint(name))
	}
}

// refuseUnknown reports every key that nobody has read.
func (b *block) refuseUnknown() {
	for _, name := range b.unknown() {
		b.problem(name, "is no known key%s", b.hint(name))
	}
}

// hint names the key that was perhaps meant.
func (b *block) hint(name string) string {
	if known, found := nearest.Name(name, slices.Sorted(maps.Keys(b.used))); found {
		return "; did you mean " + known + "?"
	}
	return ""
}

// near finds a key of the block that differs from name only in how it is written.
func (b *block) near(name string) (string, bool) {
	for _, k := range slices.Sorted(maps.Keys(b.values)) {
		if k != name && nearest.Same(k, name) {
			return k, true
		}
	}
	return "", false
}

// describe says what a value is without showing it: it may be a secret in the wrong place.
func describe(value any) string {
	switch value.(type) {
	case nil:
		return "nothing"
	case string:
		return "text"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any, map[string]string:
		return "a map"
	case int, int64, uint64, float64, json.Number:
		return "a number"
	default:
		return "something else"
	}
}
