package api

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// listAll lists the resources of a subscription whatever their type, each with the little that
// Azure tells here. Groups and deployments are none.
func (a *API) listAll(c call) (object, error) {
	types, err := parseFilter(c.filter)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	subscription := strings.ToLower("/subscriptions/"+c.where.words[1]) + "/"
	items := []object{}
	for _, key := range slices.Sorted(maps.Keys(a.resources)) {
		r := a.resources[key]
		kind := r.where.kind
		if !strings.HasPrefix(key, subscription) || strings.HasPrefix(kind, "Microsoft.Resources/") {
			continue
		}
		if len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, kind) }) {
			continue
		}
		item := object{"id": r.where.id, "name": r.where.name, "type": kind, "createdTime": r.made.Format(time.RFC3339Nano)}
		for _, member := range []string{"location", "tags"} {
			if value := r.data[member]; value != nil {
				item[member] = value
			}
		}
		items = append(items, item)
	}
	return object{"value": items}, nil
}

// parseFilter reads the types of a filter "resourceType eq 'X' or resourceType eq 'Y'".
func parseFilter(filter string) ([]string, error) {
	if filter == "" {
		return nil, nil
	}
	form := regexp.MustCompile(`^resourceType eq '([^']+)'$`)
	var types []string
	for term := range strings.SplitSeq(filter, " or ") {
		m := form.FindStringSubmatch(term)
		if m == nil {
			return nil, invalid("InvalidFilterInQueryString", "Invalid $filter '%s' specified in the query string: only resourceType is emulated.", filter)
		}
		types = append(types, m[1])
	}
	return types, nil
}
