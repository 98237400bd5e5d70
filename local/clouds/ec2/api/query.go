package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// query is the parameters of a call; lists are numbered members ("InstanceId.1").
type query struct {
	url.Values
	region string
}

// parse reads a call: its parameters are a form.
func parse(r *http.Request) (query, error) {
	const limit = 1 << 20 // user data has at most 16 KiB
	r.Body = http.MaxBytesReader(nil, r.Body, limit)
	if err := r.ParseForm(); err != nil {
		return query{}, problem(http.StatusBadRequest, "MalformedQueryString", "The query string cannot be read.")
	}
	return query{Values: r.Form, region: scope(r.Header.Get("Authorization"))}, nil
}

// scope is the region in the scope of a signature, for which a call is.
func scope(authorization string) string {
	if _, rest, ok := strings.Cut(authorization, "Credential="); ok {
		if parts := strings.Split(rest, "/"); len(parts) > 2 { // key/date/region/service
			return parts[2]
		}
	}
	return "us-east-1"
}

func (q query) get(name string) string { return q.Get(name) }

// list is the numbered members of a list, in their order.
func (q query) list(name string) []string {
	var all []string
	for n := 1; ; n++ {
		member := name + "." + strconv.Itoa(n)
		if !q.Has(member) {
			return all
		}
		all = append(all, q.Get(member))
	}
}

// each calls do with the prefix of each member of a list of structures.
func (q query) each(name, member string, do func(prefix string)) {
	for n := 1; ; n++ {
		prefix := fmt.Sprintf("%s.%d.", name, n)
		if !q.Has(prefix + member) {
			return
		}
		do(prefix)
	}
}

// filter is one Filter of a Describe call; any of the values will do. They may have * and ?.
type filter struct {
	name   string
	values []string
}

func (q query) filters() []filter {
	var all []filter
	q.each("Filter", "Name", func(prefix string) {
		all = append(all, filter{q.get(prefix + "Name"), q.list(prefix + "Value")})
	})
	return all
}

// matches tells whether one of the filter's values fits.
func (f filter) matches(value string) bool {
	for _, pattern := range f.values {
		expression := regexp.QuoteMeta(pattern)
		expression = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(expression)
		if ok, err := regexp.MatchString("^(?s:"+expression+")$", value); err == nil && ok {
			return true
		}
	}
	return false
}

// satisfies tells whether a resource with the attributes and tags passes all filters.
func satisfies(filters []filter, attributes map[string]string, t tags) (bool, error) {
	for _, f := range filters {
		name, isTag := strings.CutPrefix(f.name, "tag:")
		value, known := attributes[f.name]
		switch {
		case isTag:
			var tagged bool
			if value, tagged = t[name]; !tagged {
				return false, nil
			}
		case f.name == "tag-key":
			if !f.anyOf(t) {
				return false, nil
			}
			continue
		case !known:
			return false, problem(http.StatusBadRequest, "InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
		if !f.matches(value) {
			return false, nil
		}
	}
	return true, nil
}

// anyOf tells whether one of the tags' keys fits.
func (f filter) anyOf(t tags) bool {
	for name := range t {
		if f.matches(name) {
			return true
		}
	}
	return false
}

// tags are a resource's tags.
type tags map[string]string

func (t tags) clone() map[string]string { return maps.Clone(map[string]string(t)) }

// specified is the tags that a call gives to new resources of a type ("instance").
func (q query) specified(kind string) tags {
	t := tags{}
	q.each("TagSpecification", "ResourceType", func(prefix string) {
		if q.get(prefix+"ResourceType") == kind {
			q.tags(prefix+"Tag", t)
		}
	})
	return t
}

// tags adds a list of tags to t.
func (q query) tags(name string, t tags) {
	q.each(name, "Key", func(prefix string) { t[q.get(prefix+"Key")] = q.get(prefix + "Value") })
}
