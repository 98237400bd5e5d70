package api

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// list lists what passes the filter, all of it in one page.
func (a *API) list(c call) (object, error) {
	kind := kindOf(c)
	items, err := a.find(c, c.folder(kind)+"/")
	if err != nil {
		return nil, err
	}
	all := []object{}
	for _, r := range items {
		all = append(all, r.data)
	}
	return object{"kind": "compute#" + strings.TrimSuffix(kind, "s") + "List", "items": all}, nil
}

// aggregatedList lists what passes the filter in the whole project, by the place where it is:
// "zones/europe-west1-b", "global". Places with nothing are left out; Google has them all.
func (a *API) aggregatedList(c call) (object, error) {
	kind, project := kindOf(c), "projects/"+c.project()+"/"
	items, err := a.find(c, project)
	if err != nil {
		return nil, err
	}
	scopes := object{}
	for _, r := range items {
		link := strings.TrimPrefix(r.data["selfLink"].(string), root+project)
		place, _, _ := strings.Cut(link, "/"+kind+"/")
		scope, there := scopes[place].(object)
		if !there {
			scope = object{kind: []object{}}
			scopes[place] = scope
		}
		scope[kind] = append(scope[kind].([]object), r.data)
	}
	return object{"kind": "compute#" + strings.TrimSuffix(kind, "s") + "AggregatedList", "items": scopes}, nil
}

// find finds the resources of the call's kind below a path that pass its filter, and copies them.
func (a *API) find(c call, below string) ([]*resource, error) {
	terms, err := parseFilter(c.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []*resource
	for _, where := range slices.Sorted(maps.Keys(a.resources)) {
		r := a.resources[where]
		if r.kind == kindOf(c) && strings.HasPrefix(where, below) && terms.match(r) {
			all = append(all, &resource{r.kind, maps.Clone(r.data)})
		}
	}
	return all, nil
}

// term is a member and what all of its value must match.
type term struct {
	member string
	value  *regexp.Regexp
}

// terms are what must all hold.
type terms []term

// parseFilter reads the filters that clients send most: "labels.x=y", "name=x", "labels.x:*",
// several of them in parentheses or joined by AND; and "name eq x", where x is an expression.
func parseFilter(filter string) (terms, error) {
	var all terms
	replaced := strings.NewReplacer("(", " ", ")", " ", " AND ", " ", " = ", "=", " eq ", "~", `"`, "").Replace(filter)
	for text := range strings.FieldsSeq(replaced) {
		at := strings.IndexAny(text, "=~:")
		if at <= 0 {
			return nil, unfit(filter)
		}
		member, operator, value := text[:at], text[at], text[at+1:]
		switch {
		case operator == '=' && !strings.HasSuffix(member, "!"):
			value = regexp.QuoteMeta(value)
		case operator == ':' && value == "*":
			value = ".+"
		case operator != '~':
			return nil, unfit(filter)
		}
		whole, err := regexp.Compile("^(?:" + value + ")$")
		if err != nil {
			return nil, unfit(filter)
		}
		all = append(all, term{member, whole})
	}
	return all, nil
}

func unfit(filter string) error {
	return invalid("Invalid value for field 'filter': '%s'. Only equality, presence and eq are emulated.", filter)
}

func (t terms) match(r *resource) bool {
	for _, term := range t {
		value, _ := r.data[term.member].(string)
		if label, ok := strings.CutPrefix(term.member, "labels."); ok {
			value = r.labels()[label]
		}
		if !term.value.MatchString(value) {
			return false
		}
	}
	return true
}
