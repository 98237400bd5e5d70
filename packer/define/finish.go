package define

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/workerkit/workerkit/packer"
)

func textValue(s string) cty.Value { return cty.StringVal(s) }

// finish completes the merged tree of an image, and checks what only the whole can show.
func (e *evaluation) finish(tree *node, known *schema) {
	for _, path := range [][]string{{"packages"}, {"targets"}, {"storage", "for"}} {
		unique(tree, path)
	}
	e.publish(tree) // before targets takes away the bases that are not used
	e.targets(tree)
	e.required(tree, known, fmt.Sprintf("The image %q", tree.get("name").value.AsString()))
	windows := strings.HasPrefix(tree.text("os"), "windows-")
	e.defaults(tree, windows)
	e.exclusive(tree, known)
	e.places(tree, windows)
	e.settings(tree)
	if n := tree.get("base", "azure"); n != nil && !e.broken && n.get("gallery") == nil && hasAny(n, "publisher", "offer", "sku", "version") {
		e.together(n, `base "azure"`, "publisher", "offer", "sku")
	}
	if n := tree.get("base", "aws"); n != nil && !e.broken && n.get("id") == nil {
		e.together(n, `base "aws"`, "owner", "filter")
	}
	if n := tree.get("base", "gcp"); n != nil && !e.broken && n.get("id") == nil {
		e.together(n, `base "gcp"`, "family")
	}
}

// unique takes what is in a list of texts twice out of it: the first stays.
func unique(tree *node, path []string) {
	n := tree.get(path...)
	if n == nil {
		return
	}
	once := &node{at: n.at, shape: list}
	var seen []string
	for _, part := range n.list {
		if s := part.value.AsString(); !slices.Contains(seen, s) {
			seen, once.list = append(seen, s), append(once.list, part)
		}
	}
	tree.get(path[:len(path)-1]...).set(path[len(path)-1], once)
}

// targets brings the targets into their order, and leaves only their bases. Without an attribute
// targets they are those that have a base.
func (e *evaluation) targets(tree *node) {
	given, bases := tree.get("targets"), tree.get("base")
	sorted := &node{shape: list}
	left := newMapping(hcl.Range{})
	for _, t := range targetNames() {
		base := bases.get(t)
		i := -1
		if given != nil {
			i = slices.IndexFunc(given.list, func(n *node) bool { return n.value.AsString() == t })
		}
		switch {
		case given == nil && base != nil:
			sorted.list = append(sorted.list, newScalar(hcl.Range{}, textValue(t)))
		case i >= 0 && base == nil:
			if !e.broken {
				e.fail(given.list[i].at, "Missing base", "The image %q has the target %q, but no block base %q.", tree.text("name"), t, t)
			}
			continue
		case i >= 0:
			sorted.list = append(sorted.list, given.list[i])
		default:
			continue
		}
		left.set(t, base)
	}
	if given == nil && len(sorted.list) == 0 && !e.broken {
		e.fail(tree.at, "No target", "The image %q has no base block, and so no target.", tree.text("name"))
	}
	tree.set("targets", sorted)
	tree.set("base", left)
}

// required looks for what the schema wants in each body.
func (e *evaluation) required(n *node, known *schema, what string) {
	if e.broken || n == nil {
		return
	}
	for _, name := range known.names() {
		if known.attributes[name].required && n.get(name) == nil {
			e.fail(n.at, "Missing attribute", "%s has no %s.", what, name)
		}
		b, ok := known.blocks[name]
		switch {
		case !ok || n.get(name) == nil || b.label == "" && b.body == nil:
		case b.label == "":
			e.required(n.get(name), b.body, name)
		default:
			for _, label := range n.get(name).keys {
				e.required(n.get(name, label), b.of(label), fmt.Sprintf("%s %q", name, label))
			}
		}
	}
}

// exclusive finds blocks with attributes that exclude each other, and files and scripts with
// neither content nor source.
func (e *evaluation) exclusive(tree *node, known *schema) {
	for _, name := range []string{"base", "file", "script"} {
		group := tree.get(name)
		if group == nil || e.broken {
			continue
		}
		for _, label := range group.keys {
			n, s := group.get(label), known.blocks[name].of(label)
			a, b := hasAny(n, s.either...), hasAny(n, s.or...)
			what := fmt.Sprintf("%s %q", name, label)
			switch {
			case a && b:
				e.fail(n.at, "Conflicting attributes", "%s has %s or %s, not both.", what, s.either[0], s.or[0])
			case !a && !b && len(s.either) > 0:
				e.fail(n.at, "Missing attribute", "%s has no %s and no %s.", what, s.either[0], s.or[0])
			}
		}
	}
}

// together wants all of some attributes.
func (e *evaluation) together(n *node, what string, names ...string) {
	for _, name := range names {
		if n.get(name) == nil {
			e.fail(n.at, "Missing attribute", "%s has no %s.", what, name)
		}
	}
}

// hasAny tells whether one of some attributes is there.
func hasAny(n *node, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return n.get(name) != nil })
}

// places checks the paths of the image, whose form depends on the operating system.
func (e *evaluation) places(tree *node, windows bool) {
	if tree.get("os") == nil {
		return
	}
	check := func(at hcl.Range, s string) {
		if err := checkPath(s, windows); err != nil {
			e.fail(at, "Bad path", "%q: %s.", s, err)
		}
	}
	for _, name := range []string{"file", "download"} {
		if group := tree.get(name); group != nil {
			for _, label := range group.keys {
				check(group.get(label).at, label)
			}
		}
	}
	if n := tree.get("storage", "mount"); n != nil {
		check(n.at, n.value.AsString())
	}
}

// defaults sets what the definition leaves open.
func (e *evaluation) defaults(tree *node, windows bool) {
	fill := func(v cty.Value, path ...string) {
		at := tree
		for _, key := range path[:len(path)-1] {
			if at.get(key) == nil {
				at.set(key, newMapping(hcl.Range{}))
			}
			at = at.get(key)
		}
		if key := path[len(path)-1]; at.get(key) == nil {
			at.set(key, fromValue(v, hcl.Range{}))
		}
	}
	size, fileSystem, mount := int64(linuxSize), "ext4", linuxMount
	if windows {
		size, fileSystem, mount = windowsSize, "ntfs", windowsMount
	}
	fill(cty.NumberIntVal(size), "size")
	fill(cty.True, "hardening", "block_metadata")
	fill(cty.False, "hardening", "ssh")
	fill(cty.True, "hardening", "time_sync")
	fill(cty.False, "storage", "use")
	if tree.get("storage", "use").value.True() {
		fill(textValue(fileSystem), "storage", "file_system")
		fill(textValue(mount), "storage", "mount")
		fill(cty.ListVal([]cty.Value{textValue("tasks"), textValue("caches"), textValue("downloads")}), "storage", "for")
	}
	for _, t := range tree.get("base").keys {
		if machine := machineTypes()[packer.Target(t)][tree.text("arch")]; machine != "" {
			fill(textValue(machine), "base", t, "machine_type")
		}
	}
	if services := tree.get("service"); services != nil {
		for _, name := range services.keys {
			fill(cty.True, "service", name, "enabled")
		}
	}
}
