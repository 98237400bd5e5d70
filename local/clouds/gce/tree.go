package gce

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The metadata is a tree. A leaf is a string, a number or a document.
type (
	folder   map[string]any // keys as in paths, in camel case in JSON
	named    map[string]any // keys that somebody has chosen: the same in JSON
	list     []any          // its keys are 0, 1, 2, …
	number   uint64         // a leaf that is a number in JSON
	document []string       // a leaf that is a JSON array in text, too
)

// children are what is below a node; nil for a leaf.
func children(node any) map[string]any {
	switch node := node.(type) {
	case folder:
		return node
	case named:
		return node
	case list:
		all := map[string]any{}
		for i, child := range node {
			all[strconv.Itoa(i)] = child
		}
		return all
	default:
		return nil
	}
}

// find is the node at a path such as "instance/zone" or "instance/".
func find(root any, path string) (any, bool) {
	trimmed := strings.TrimSuffix(path, "/")
	if trimmed != "" {
		for name := range strings.SplitSeq(trimmed, "/") {
			child, ok := children(root)[name]
			if !ok {
				return nil, false
			}
			root = child
		}
	}
	if trimmed != path && children(root) == nil {
		return nil, false // a leaf is no folder
	}
	return root, true
}

// value is a node as JSON.
func value(node any) any {
	switch node := node.(type) {
	case folder:
		all := map[string]any{}
		for name, child := range node {
			all[camel(name)] = value(child)
		}
		return all
	case named:
		all := map[string]any{}
		for name, child := range node {
			all[name] = value(child)
		}
		return all
	case list:
		all := make([]any, len(node))
		for i, child := range node {
			all[i] = value(child)
		}
		return all
	default:
		return node
	}
}

// text is a node as the server writes it without alt=json: a leaf's own text, or the names in a
// folder.
func text(node any) string {
	below := children(node)
	if below == nil {
		return leaf(node)
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(below)) {
		b.WriteString(name)
		if children(below[name]) != nil {
			b.WriteByte('/')
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// lines is everything below a node as text, one leaf a line after its path.
func lines(node any, path string) string {
	below := children(node)
	if below == nil {
		return strings.TrimPrefix(path, "/") + " " + leaf(node) + "\n"
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(below)) {
		b.WriteString(lines(below[name], path+"/"+name))
	}
	return b.String()
}

func leaf(node any) string {
	if all, ok := node.(document); ok {
		data, _ := json.Marshal(all) // strings
		return string(data)
	}
	return fmt.Sprint(node)
}

// camel turns machine-type into machineType.
func camel(name string) string {
	parts := strings.Split(name, "-")
	for i, part := range parts[1:] {
		if part != "" {
			parts[i+1] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "")
}
