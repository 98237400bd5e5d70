package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/runner/config"
)

// node is a part of the tree that settings make.
type node struct {
	name     string
	setting  *config.Setting // of a leaf
	children []*node
}

func (n *node) child(name string) *node {
	if i := slices.IndexFunc(n.children, func(c *node) bool { return c.name == name }); i >= 0 {
		return n.children[i]
	}
	n.children = append(n.children, &node{name: name})
	return n.children[len(n.children)-1]
}

// writeYAML writes settings as YAML, with the origin of each in a comment.
func writeYAML(w io.Writer, settings []config.Setting) {
	root := &node{}
	for i := range settings {
		n := root
		for _, name := range settings[i].Path {
			n = n.child(name)
		}
		n.setting = &settings[i]
	}
	root.write(w, "")
}

func (n *node) write(w io.Writer, indent string) {
	for _, c := range n.children {
		if c.setting == nil {
			fmt.Fprintf(w, "%s%s:\n", indent, plain(c.name))
			c.write(w, indent+"  ")
			continue
		}
		fmt.Fprintf(w, "%s%s: %s # %s\n", indent, plain(c.name), inline(c.setting.Value), c.setting.From)
	}
}

// plain is a key or a text as YAML, without quotes where nobody can take it for anything else.
func plain(text string) string {
	ambiguous := slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}, strings.ToLower(text))
	if ambiguous || !begins(text) || strings.ContainsFunc(text, func(r rune) bool { return !harmless(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// begins tells whether a text begins like a word or a path.
func begins(text string) bool {
	return text != "" && (text[0] == '/' || text[0] >= 'A' && text[0] <= 'Z' || text[0] >= 'a' && text[0] <= 'z')
}

// harmless tells whether a character means nothing in YAML.
func harmless(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("_./-", r)
}

// inline is a value in one line; JSON is YAML.
func inline(value any) string {
	if text, ok := value.(string); ok {
		return plain(text)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return strconv.Quote(err.Error())
	}
	return string(data)
}
