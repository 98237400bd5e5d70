package api

import (
	"net/http"
	"strings"
)

// where is what a path of Resource Manager names. Names are compared without regard to case, as
// Azure does.
type where struct {
	id     string   // as the caller wrote it
	kind   string   // "Microsoft.Compute/virtualMachines"; groups and subscriptions have one too
	name   string   // "" of a collection
	words  []string // of the id
	action string   // the word after the name in a POST: "deallocate"
}

// Kinds that no provider is named for in a path.
const (
	groupKind        = "Microsoft.Resources/subscriptions/resourceGroups"
	subscriptionKind = "Microsoft.Resources/subscriptions"
	allKind          = "Microsoft.Resources/subscriptions/resources" // all resources of a subscription
)

// parse reads a path: /subscriptions/S[/resourceGroups/G][/providers/N/TYPE/NAME…].
func parse(path string) (where, error) {
	words := strings.Split(strings.Trim(path, "/"), "/")
	p := where{id: "/" + strings.Join(words, "/"), words: words}
	if !strings.EqualFold(words[0], "subscriptions") {
		return p, invalid("InvalidRequestUri", "The path %s is not emulated.", path)
	}
	rest := words[1:]
	p.kind, p.name, rest = subscriptionKind, first(rest), after(rest)
	if len(rest) > 0 && strings.EqualFold(rest[0], "resourceGroups") {
		p.kind, p.name, rest = groupKind, first(rest[1:]), after(rest[1:])
	}
	if len(rest) == 0 {
		return p, nil
	}
	if len(rest) == 1 && p.kind == subscriptionKind && strings.EqualFold(rest[0], "resources") {
		p.kind, p.name = allKind, ""
		return p, nil
	}
	const least = 3 // providers/NAMESPACE/TYPE
	if len(rest) < least || !strings.EqualFold(rest[0], "providers") {
		return p, invalid("InvalidRequestUri", "The path %s is not emulated.", path)
	}
	p.kind, p.name = rest[1], ""
	for rest = rest[2:]; len(rest) > 0; rest = after(after(rest)) {
		p.kind, p.name = p.kind+"/"+rest[0], first(rest[1:])
	}
	return p, nil
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// after is all words but the first.
func after(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	return words[1:]
}

// asAction makes of a path that a POST goes to the resource and what is to be done to it.
func (p where) asAction() where {
	i := strings.LastIndex(p.id, "/")
	resource, err := parse(p.id[:i])
	if err != nil {
		return p
	}
	resource.action = p.id[i+1:]
	return resource
}

// key is the id as resources are kept by.
func (p where) key() string { return strings.ToLower(p.id) }

// group is the id of the resource group, "" where there is none.
func (p where) group() string {
	const words = 4
	if len(p.words) < words || !strings.EqualFold(p.words[2], "resourceGroups") {
		return ""
	}
	return "/" + strings.Join(p.words[:words], "/")
}

// parent is what a resource is in: the resource above it, or its group; the zero value above a
// group.
func (p where) parent() where {
	if p.kind == groupKind || p.group() == "" {
		return where{}
	}
	own := 2 // its type and its name
	if p.name == "" {
		own = 1 // a collection
	}
	above, err := parse("/" + strings.Join(p.words[:len(p.words)-own], "/"))
	if err != nil || above.name == "" { // …/providers/NAMESPACE is nothing
		above, _ = parse(p.group()) // it was part of a path that could be parsed
	}
	return above
}

// operation is what a role would have to allow: "Microsoft.Compute/images/write".
func (p where) operation(method string) string {
	switch method {
	case http.MethodPost:
		return p.kind + "/" + p.action + "/action"
	case http.MethodPut, http.MethodPatch:
		return p.kind + "/write"
	case http.MethodDelete:
		return p.kind + "/delete"
	default:
		return p.kind + "/read"
	}
}
