package api

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// resource is what exists: its members are as the API shows them.
type resource struct {
	kind string // "images", "disks", "instances"
	data object
}

// labels are the resource's labels.
func (r *resource) labels() map[string]string {
	given, _ := r.data["labels"].(object)
	if len(given) == 0 {
		return nil
	}
	all := map[string]string{}
	for name, value := range given {
		all[name] = fmt.Sprint(value)
	}
	return all
}

const root = "https://" + OldHost + "/compute/v1/"

// path is a resource's path of its link, in whichever form a caller gives it: with a host, from
// "projects" on, or from within the project. Google also takes links without "projects", which
// packer 1.6 sends.
func path(link, project string) string {
	_, rest, absolute := strings.Cut(link, "/compute/v1/")
	switch {
	case absolute:
		return "projects/" + strings.TrimPrefix(rest, "projects/")
	case strings.HasPrefix(link, "projects/"), link == "":
		return link
	default:
		return "projects/" + project + "/" + link
	}
}

// add makes a resource of what the caller said of it. The caller holds the lock.
func (a *API) add(folder, kind string, data object) (*resource, error) {
	name, _ := data["name"].(string)
	if name == "" {
		return nil, problem(http.StatusBadRequest, "required", "Required field 'resource.name' not specified")
	}
	where := folder + "/" + name
	if _, there := a.resources[where]; there {
		return nil, problem(http.StatusConflict, "alreadyExists", "The resource '%s' already exists", where)
	}
	all := maps.Clone(data)
	all["kind"] = "compute#" + strings.TrimSuffix(kind, "s")
	all["id"] = a.number()
	all["selfLink"] = root + where
	all["creationTimestamp"] = a.options.Clock().UTC().Format(time.RFC3339Nano)
	if parts := strings.Split(folder, "/"); parts[2] == "zones" {
		all["zone"] = root + strings.Join(parts[:4], "/")
	}
	r := &resource{kind, all}
	a.resources[where] = r
	return r, nil
}

// number is an id: Google's are decimal numbers in a string.
func (a *API) number() string {
	const first = 1000000000000000000
	a.last++
	return strconv.FormatUint(first+a.last, 10)
}

// kindOf is the kind of resource that a call is about: the second word of its name.
func kindOf(c call) string { return strings.Split(c.name, ".")[1] }

func (a *API) get(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	where := c.folder(kindOf(c)) + "/" + c.named()
	r, there := a.resources[where]
	if !there {
		return nil, notFound(where)
	}
	return maps.Clone(r.data), nil
}

func (*API) getProject(c call) (object, error) {
	return object{"kind": "compute#project", "name": c.project(), "selfLink": root + "projects/" + c.project()}, nil
}

func (*API) getZone(c call) (object, error) {
	where := c.place()
	region, _, ok := cutLast(c.zone(), "-")
	if !ok {
		return nil, notFound(where)
	}
	return object{
		"kind": "compute#zone", "name": c.zone(), "status": "UP", "selfLink": root + where,
		"region": root + "projects/" + c.project() + "/regions/" + region,
	}, nil
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

func (*API) getMachineType(c call) (object, error) {
	where := c.folder("machineTypes") + "/" + c.named()
	if !strings.Contains(c.named(), "-") {
		return nil, notFound(where)
	}
	const cpus, memory = 2, 8192
	return object{"kind": "compute#machineType", "name": c.named(), "guestCpus": cpus, "memoryMb": memory, "selfLink": root + where}, nil
}
