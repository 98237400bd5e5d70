package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// resource is what exists: its members are as the API shows them.
type resource struct {
	where    where
	data     object
	made     time.Time
	existing bool // from before any build
}

// tags are the resource's tags.
func (r *resource) tags() map[string]string {
	given, _ := r.data["tags"].(object)
	if len(given) == 0 {
		return nil
	}
	all := map[string]string{}
	for name, value := range given {
		all[name] = fmt.Sprint(value)
	}
	return all
}

// properties are the resource's properties, which can be changed.
func (r *resource) properties() object { return r.data["properties"].(object) }

// put makes or replaces a resource. The caller holds the lock.
func (a *API) put(p where, body object) *resource {
	data := maps.Clone(body)
	if data == nil {
		data = object{}
	}
	data["id"], data["name"], data["type"] = p.id, p.name, p.kind
	properties, _ := data["properties"].(object)
	properties = maps.Clone(properties)
	if properties == nil {
		properties = object{}
	}
	properties["provisioningState"] = "Succeeded"
	if strings.EqualFold(p.kind, "Microsoft.Network/publicIPAddresses") {
		properties["ipAddress"] = a.options.Host
	}
	data["properties"] = properties
	r := &resource{where: p, data: data, made: a.options.Clock().UTC()}
	if old := a.resources[p.key()]; old != nil {
		r.existing, r.made = old.existing, old.made
	}
	a.resources[p.key()] = r
	return r
}

// inGroup checks that what a resource is in exists. The caller holds the lock.
func (a *API) inGroup(p where) error {
	if group := p.group(); p.kind != groupKind && group != "" && a.resources[strings.ToLower(group)] == nil {
		return problem(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.", p.words[3])
	}
	above := p.parent()
	if above.name != "" && a.resources[above.key()] == nil {
		return problem(http.StatusNotFound, "ParentResourceNotFound",
			"Can not perform requested operation on nested resource. Parent resource '%s' not found.", above.name)
	}
	return nil
}

// find finds a resource. The caller holds the lock.
func (a *API) find(p where) (*resource, error) {
	if err := a.inGroup(p); err != nil {
		return nil, err
	}
	if r := a.resources[p.key()]; r != nil {
		return r, nil
	}
	if p.kind == groupKind {
		return nil, problem(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.", p.name)
	}
	return nil, problem(http.StatusNotFound, "ResourceNotFound",
		"The Resource '%s/%s' under resource group '%s' was not found.", p.kind, p.name, p.words[3])
}

func (a *API) read(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.where.kind == subscriptionKind {
		return object{"id": c.where.id, "subscriptionId": c.where.name, "displayName": "emulated", "state": "Enabled"}, nil
	}
	r, err := a.find(c.where)
	if err != nil {
		return nil, err
	}
	return maps.Clone(r.data), nil
}

// list lists the resources of a collection, all of them in one page.
func (a *API) list(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.inGroup(c.where); err != nil {
		return nil, err
	}
	above := strings.ToLower("/" + strings.Join(c.where.words[:2], "/"))
	if group := c.where.group(); group != "" {
		above = strings.ToLower(group)
	}
	if nested := c.where.parent(); nested.kind != groupKind && nested.name != "" {
		above = nested.key()
	}
	items := []object{}
	for _, key := range slices.Sorted(maps.Keys(a.resources)) {
		r := a.resources[key]
		if strings.HasPrefix(key, above+"/") && strings.EqualFold(r.where.kind, c.where.kind) {
			items = append(items, maps.Clone(r.data))
		}
	}
	return object{"value": items}, nil
}

// write makes or replaces a resource; PATCH adds to its tags.
func (a *API) write(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.inGroup(c.where); err != nil {
		return nil, err
	}
	if c.method != http.MethodPatch {
		return maps.Clone(a.put(c.where, c.body).data), nil
	}
	r, err := a.find(c.where)
	if err != nil {
		return nil, err
	}
	if tags, ok := c.body["tags"].(object); ok {
		old, _ := r.data["tags"].(object)
		all := object{}
		maps.Copy(all, old) // not in place: what was sent of it may still be on its way
		maps.Copy(all, tags)
		r.data["tags"] = all
	}
	return maps.Clone(r.data), nil
}

// remove deletes a resource and all that is in it. What is not there is no error, except a
// group, as Azure has it.
func (a *API) remove(c call) (object, error) {
	a.mu.Lock()
	if _, err := a.find(c.where); err != nil {
		a.mu.Unlock()
		if c.where.kind == groupKind {
			return nil, err
		}
		return nil, nil
	}
	var halted []string
	for key := range a.resources {
		if key != c.where.key() && !strings.HasPrefix(key, c.where.key()+"/") {
			continue
		}
		delete(a.resources, key)
		if a.running[key] {
			halted = append(halted, key)
		}
		delete(a.running, key)
	}
	a.mu.Unlock()
	for _, key := range halted {
		a.options.Halt(key)
	}
	return object{}, nil
}
