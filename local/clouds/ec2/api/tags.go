package api

import (
	"maps"
	"slices"
	"strings"
)

// tag is a tag in an answer.
type tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func (t tags) answer() set[tag] {
	var all set[tag]
	for _, name := range slices.Sorted(maps.Keys(t)) {
		all.Items = append(all.Items, tag{name, t[name]})
	}
	return all
}

// choose is what a Describe call returns of all: those with one of the ids, where ids are
// given, which pass the filters, in the order of their ids.
func choose[T, Answer any](all map[string]T, ids []string, filters []filter,
	describe func(T) (map[string]string, tags, Answer),
) (set[Answer], error) {
	var found set[Answer]
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if len(ids) > 0 && !slices.Contains(ids, id) {
			continue
		}
		attributes, t, answer := describe(all[id])
		ok, err := satisfies(filters, attributes, t)
		if err != nil {
			return set[Answer]{}, err
		}
		if ok {
			found.Items = append(found.Items, answer)
		}
	}
	return found, nil
}

// tagged is the tags of the resource with an id, nil when there is none.
func (a *region) tagged(id string) tags {
	switch kind, _, _ := strings.Cut(id, "-"); kind {
	case "i":
		if i := a.instances[id]; i != nil {
			return i.tags
		}
	case "ami":
		if i := a.images[id]; i != nil {
			return i.tags
		}
	case "snap":
		if s := a.snapshots[id]; s != nil {
			return s.tags
		}
	case "vol":
		if v := a.volumes[id]; v != nil {
			return v.tags
		}
	case "key":
		for _, k := range a.keys {
			if k.id == id {
				return k.tags
			}
		}
	case "sg":
		if g := a.groups[id]; g != nil {
			return g.tags
		}
	}
	return nil
}

// retag calls change with the tags of each resource that a call names, after it has found all
// of them.
func (a *region) retag(q query, change func(tags)) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []tags
	for _, id := range q.list("ResourceId") {
		t := a.tagged(id)
		if t == nil {
			return nil, missing("InvalidID", "The ID '%s' is not valid", id)
		}
		all = append(all, t)
	}
	for _, t := range all {
		change(t)
	}
	return done{true}, nil
}

func (a *region) createTags(q query) (any, error) {
	return a.retag(q, func(t tags) { q.tags("Tag", t) })
}

func (a *region) deleteTags(q query) (any, error) {
	return a.retag(q, func(t tags) {
		q.each("Tag", "Key", func(prefix string) { delete(t, q.get(prefix+"Key")) })
	})
}

// describeTags knows the filters resource-id and key.
func (a *region) describeTags(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	type item struct {
		ID    string `xml:"resourceId"`
		Key   string `xml:"key"`
		Value string `xml:"value"`
	}
	var ids []string
	keys := filter{values: []string{"*"}}
	for _, f := range q.filters() {
		switch f.name {
		case "resource-id":
			ids = f.values
		case "key":
			keys = f
		}
	}
	var found set[item]
	for _, id := range ids {
		for _, t := range a.tagged(id).answer().Items {
			if keys.matches(t.Key) {
				found.Items = append(found.Items, item{id, t.Key, t.Value})
			}
		}
	}
	return struct {
		Tags set[item] `xml:"tagSet"`
	}{found}, nil
}
