package define

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// merge lays one value over another: maps are merged key by key, lists are appended, everything
// else is replaced. Neither argument is changed.
func merge(under, over *node, s *schema) *node {
	switch {
	case under == nil:
		return over
	case under.shape == mapping && over.shape == mapping:
		n := newMapping(over.at)
		drop := s.excluded(over)
		for _, key := range under.keys {
			if !slices.Contains(drop, key) {
				n.set(key, under.fields[key])
			}
		}
		for _, key := range over.keys {
			n.set(key, merge(n.fields[key], over.fields[key], s.inside(key)))
		}
		return n
	case under.shape == list && over.shape == list:
		return &node{at: over.at, shape: list, list: slices.Concat(under.list, over.list)}
	}
	return over
}

// excluded are the keys that cannot be inherited beside those that n sets.
func (s *schema) excluded(n *node) []string {
	if s == nil {
		return nil
	}
	has := func(key string) bool { return n.fields[key] != nil }
	switch {
	case slices.ContainsFunc(s.either, has):
		return s.or
	case slices.ContainsFunc(s.or, has):
		return s.either
	}
	return nil
}

// inside is the schema of a field. The blocks of one type are a mapping by label, which has as
// its schema one that takes any label.
func (s *schema) inside(key string) *schema {
	if s == nil {
		return nil
	}
	b, ok := s.blocks[key]
	switch {
	case ok && b.bodies != nil:
		inner := &schema{blocks: map[string]block{}}
		for label, body := range b.bodies {
			inner.blocks[label] = block{body: body}
		}
		return inner
	case ok && b.label != "":
		return &schema{each: b.body}
	case ok:
		return b.body
	}
	return s.each
}

// keyPart is one part of a path as packer.Key writes it.
var keyPart = regexp.MustCompile(`^(?:\.?([A-Za-z0-9_-]+)|\[("(?:[^"\\]|\\.)*")\])`)

// splitKey takes a path apart; nil when it is none.
func splitKey(path string) []string {
	var parts []string
	for path != "" {
		m := keyPart.FindStringSubmatch(path)
		if m == nil {
			return nil
		}
		part := m[1]
		if m[2] != "" {
			var err error
			if part, err = strconv.Unquote(m[2]); err != nil {
				return nil
			}
		}
		parts = append(parts, part)
		path = path[len(m[0]):]
	}
	return parts
}

// without returns the tree without the value at a path, and whether it was there.
func (n *node) without(path []string) (*node, bool) {
	if n == nil || n.fields[path[0]] == nil {
		return n, false
	}
	changed := newMapping(n.at)
	changed.keys = n.keys
	maps.Copy(changed.fields, n.fields)
	if len(path) == 1 {
		changed.drop(path[0])
		return changed, true
	}
	inner, found := n.fields[path[0]].without(path[1:])
	changed.fields[path[0]] = inner
	return changed, found
}

// replace takes from what is inherited all that the image's attribute replace names.
func (l *loader) replace(inherited, names *node, known *schema) *node {
	for _, name := range names.list {
		path := splitKey(strings.TrimSpace(name.value.AsString()))
		if len(path) == 0 {
			l.fail(name.at, "Bad replace", `It names an attribute or a block, as in "packages" or "worker.config".`)
			continue
		}
		changed, found := inherited.without(path)
		if !found {
			var near string
			if names := known.names(); !slices.Contains(names, path[0]) {
				near = perhaps(path[0], names)
			}
			l.fail(name.at, "Nothing to replace", "%q is not inherited%s.", name.value.AsString(), near)
			continue
		}
		inherited = changed
	}
	return inherited
}
