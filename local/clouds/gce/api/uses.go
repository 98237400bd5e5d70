package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// insertTemplate makes an instance template. Nothing is made of it here.
func (a *API) insertTemplate(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.add(c.folder("instanceTemplates"), "instanceTemplates", c.body)
	if err != nil {
		return nil, err
	}
	return a.finish(c, path(r.data["selfLink"].(string), "")), nil
}

// getPolicy is who may do what with an image, beyond what the project says. The pattern of its
// path is wide, so that it goes with that of families.
func (a *API) getPolicy(c call) (object, error) {
	if part := c.PathValue("part"); part != "getIamPolicy" {
		return nil, problem(http.StatusNotImplemented, "notImplemented", "%s of an image is not emulated", part)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	where := c.folder("images") + "/" + c.named()
	if a.resources[where] == nil {
		return nil, notFound(where)
	}
	if policy, there := a.policies[where]; there {
		return policy, nil
	}
	return object{"etag": "ACAB"}, nil
}

// setPolicy replaces the policy of an image.
func (a *API) setPolicy(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	where := c.folder("images") + "/" + c.named()
	if a.resources[where] == nil {
		return nil, notFound(where)
	}
	policy, _ := c.body["policy"].(object)
	if policy == nil {
		policy = object{"bindings": c.body["bindings"]}
	}
	a.policies[where] = policy
	return policy, nil
}

// setDiskAutoDelete says whether a disk goes with its instance.
func (a *API) setDiskAutoDelete(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	where := c.folder("instances") + "/" + c.named()
	r, there := a.resources[where]
	if !there {
		return nil, notFound(where)
	}
	device := c.URL.Query().Get("deviceName")
	disks, _ := r.data["disks"].([]object)
	for i, d := range disks {
		if d["deviceName"] == device {
			disks = slices.Clone(disks) // not in place: what was sent of it may still be on its way
			disks[i] = maps.Clone(d)
			disks[i]["autoDelete"] = strings.EqualFold(c.URL.Query().Get("autoDelete"), "true")
			r.data["disks"] = disks
			return a.finish(c, where), nil
		}
	}
	return nil, invalid("Invalid value for field 'disk': '%s'. No attached disk found with device name '%s'", device, device)
}
