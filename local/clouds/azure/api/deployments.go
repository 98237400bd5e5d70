package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// deploy makes what a template says; nothing, where it cannot be read.
func (a *API) deploy(c call) (object, error) {
	planned, err := a.plan(c)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	deployment := a.put(c.where, object{"properties": object{"mode": "Incremental"}})
	var outputs []any
	for _, p := range planned {
		if !strings.EqualFold(p.where.kind, machineKind) {
			a.put(p.where, p.data)
		}
		outputs = append(outputs, object{"id": p.where.id})
	}
	deployment.properties()["outputResources"] = outputs
	answer := maps.Clone(deployment.data)
	a.mu.Unlock()
	for _, p := range planned {
		if !strings.EqualFold(p.where.kind, machineKind) {
			continue
		}
		if _, err := a.writeMachine(call{method: http.MethodPut, where: p.where, body: p.data}); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// validate says whether a deployment would be done.
func (a *API) validate(c call) (object, error) {
	if _, err := a.plan(c); err != nil {
		return nil, err
	}
	return object{"properties": object{"provisioningState": "Succeeded", "mode": "Incremental"}}, nil
}

// deploymentOperations lists what a deployment has made.
func (a *API) deploymentOperations(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.find(c.where.parent())
	if err != nil {
		return nil, err
	}
	items := []object{}
	outputs, _ := r.properties()["outputResources"].([]any)
	for i, one := range outputs {
		id := one.(object)["id"].(string)
		p, err := parse(id)
		if err != nil {
			return nil, err
		}
		items = append(items, object{
			"id": fmt.Sprintf("%s/operations/%d", r.where.id, i), "operationId": fmt.Sprint(i),
			"properties": object{
				"provisioningState": "Succeeded", "provisioningOperation": "Create",
				"targetResource": object{"id": id, "resourceType": p.kind, "resourceName": p.name},
			},
		})
	}
	return object{"value": items}, nil
}

// plan works out what a deployment's template says.
func (a *API) plan(c call) ([]resource, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.inGroup(c.where); err != nil {
		return nil, err
	}
	properties, _ := c.body["properties"].(object)
	template, _ := properties["template"].(object)
	given, _ := template["resources"].([]any)
	if template == nil {
		return nil, invalid("InvalidTemplate", "Deployment template is missing: templates by link are not emulated.")
	}
	scope := a.scope(c, template, properties)
	var planned []resource
	for _, one := range given {
		value, err := scope.expand(one)
		if err != nil {
			return nil, invalid("InvalidTemplate", "Deployment template validation failed: '%s'.", err)
		}
		data, _ := value.(object)
		if wanted, conditional := data["condition"].(bool); conditional && !wanted {
			continue
		}
		kind, name := fmt.Sprint(data["type"]), fmt.Sprint(data["name"])
		p, err := parse(c.where.group() + "/providers/" + resourcePath(kind, name))
		if err != nil || p.name == "" {
			return nil, invalid("InvalidTemplate", "Deployment template validation failed: the resource '%s' of type '%s'.", name, kind)
		}
		if err := a.checkImage(data); err != nil {
			return nil, err
		}
		planned = append(planned, resource{where: p, data: data})
	}
	return planned, nil
}

// resourcePath is the end of the id of a resource: the names of nested resources go between the
// words of their type.
func resourcePath(kind, name string) string {
	kinds, names := strings.Split(kind, "/"), strings.Split(name, "/")
	all := kinds[:1]
	for i, word := range kinds[1:] {
		all = append(slices.Clip(all), word)
		if i < len(names) {
			all = append(all, names[i])
		}
	}
	return strings.Join(all, "/")
}

// checkImage checks what a virtual machine is to be made of.
func (a *API) checkImage(data object) error {
	reference, ok := dig(data, "properties", "storageProfile", "imageReference").(object)
	if !ok {
		return nil
	}
	name, _ := reference["id"].(string)
	if name == "" {
		name = fmt.Sprintf("%v:%v:%v:%v", reference["publisher"], reference["offer"], reference["sku"], reference["version"])
	}
	if a.resources[strings.ToLower(name)] != nil || a.options.Base(name) {
		return nil
	}
	return problem(http.StatusNotFound, "PlatformImageNotFound", "The platform image '%s' is not available.", name)
}

// dig is a member of members, nil where there is none.
func dig(value any, names ...string) any {
	for _, name := range names {
		members, _ := value.(object)
		value = members[name]
	}
	return value
}
