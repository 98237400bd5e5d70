package api

import (
	"maps"
	"net/http"
	"strings"
)

func inUse(where, by string) error {
	return problem(http.StatusBadRequest, "resourceInUseByAnotherResource",
		"The resource '%s' is already being used by '%s'", where, path(by, ""))
}

// image finds an image by its path: one that was made here, or one to build upon. A path that
// ends with family/NAME is that of the newest of a family. The caller holds the lock.
func (a *API) image(where string) (*resource, error) {
	if r, there := a.resources[where]; there {
		return r, nil
	}
	parts := strings.Split(where, "/")
	const known = 5 // projects/P/global/images/NAME
	if len(parts) < known || parts[2] != "global" || parts[3] != "images" {
		return nil, notFound(where)
	}
	project, name := parts[1], parts[len(parts)-1]
	if len(parts) > known {
		return a.family(project, name)
	}
	if a.base(project, name) {
		return a.makeBase(project, name, ""), nil
	}
	if r, there := a.bases[where]; there {
		return r, nil
	}
	return nil, notFound(where)
}

// base tells whether the options have such an image to build upon. In the project that builds there
// are only the images that were made.
func (a *API) base(project, name string) bool {
	own := project == a.options.Project || a.options.Project == "" && !strings.HasSuffix(project, "-cloud")
	return !own && a.options.Base(project+"/"+name)
}

// makeBase makes up an image to build upon, the same each time.
func (a *API) makeBase(project, name, family string) *resource {
	where := "projects/" + project + "/global/images/" + name
	if r, there := a.bases[where]; there {
		return r
	}
	architecture := "X86_64"
	if strings.Contains(name, "arm64") {
		architecture = "ARM64"
	}
	a.bases[where] = &resource{"images", object{
		"architecture": architecture,
		"kind":         "compute#image", "id": a.number(), "name": name, "family": family, "status": "READY", "diskSizeGb": "10",
		"selfLink": root + where, "creationTimestamp": "2026-01-01T00:00:00.000-00:00", "licenses": []string{},
	}}
	return a.bases[where]
}

// family is the newest image of a family: what was made here comes before what is made up.
func (a *API) family(project, name string) (*resource, error) {
	var newest *resource
	for where, r := range a.resources {
		if r.kind != "images" || !strings.HasPrefix(where, "projects/"+project+"/") || r.data["family"] != name || r.data["deprecated"] != nil {
			continue
		}
		// Ids count up.
		if newest == nil || r.data["id"].(string) > newest.data["id"].(string) {
			newest = r
		}
	}
	switch {
	case newest != nil:
		return newest, nil
	case a.base(project, name):
		return a.makeBase(project, name+"-v20260101", name), nil
	default:
		return nil, notFound("projects/" + project + "/global/images/family/" + name)
	}
}

func (a *API) getImage(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.image(c.folder("images") + "/" + c.named())
	if err != nil {
		return nil, err
	}
	return maps.Clone(r.data), nil
}

func (a *API) getFamily(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.family(c.project(), c.PathValue("family"))
	if err != nil {
		return nil, err
	}
	return maps.Clone(r.data), nil
}

// insertImage makes an image of a disk, or of another image.
func (a *API) insertImage(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var size string
	disk, _ := c.body["sourceDisk"].(string)
	source, _ := c.body["sourceImage"].(string)
	switch {
	case disk != "":
		where := path(disk, c.project())
		r, there := a.resources[where]
		if !there {
			return nil, notFound(where)
		}
		if users, _ := r.data["users"].([]string); len(users) > 0 && c.URL.Query().Get("forceCreate") != "true" {
			return nil, inUse(where, users[0])
		}
		size, _ = r.data["sizeGb"].(string)
	case source != "":
		r, err := a.image(path(source, c.project()))
		if err != nil {
			return nil, err
		}
		size, _ = r.data["diskSizeGb"].(string)
	default:
		return nil, invalid("Invalid value for field 'resource': one of sourceDisk and sourceImage is emulated")
	}
	r, err := a.add(c.folder("images"), "images", c.body)
	if err != nil {
		return nil, err
	}
	r.data["status"], r.data["diskSizeGb"], r.data["labelFingerprint"] = "READY", size, "AAAA"
	return a.finish(c, path(r.data["selfLink"].(string), "")), nil
}

// change does something to an image that was made here.
func (a *API) change(c call, do func(where string, r *resource) error) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	where := c.folder("images") + "/" + c.named()
	r, there := a.resources[where]
	if !there {
		return nil, notFound(where)
	}
	if err := do(where, r); err != nil {
		return nil, err
	}
	return a.finish(c, where), nil
}

func (a *API) deleteImage(c call) (object, error) {
	return a.change(c, func(where string, _ *resource) error {
		delete(a.resources, where)
		delete(a.policies, where)
		return nil
	})
}

// deprecateImage marks an image; a body without a state takes the mark off.
func (a *API) deprecateImage(c call) (object, error) {
	return a.change(c, func(_ string, r *resource) error {
		switch c.body["state"] {
		case nil, "", "ACTIVE":
			delete(r.data, "deprecated")
		default:
			r.data["deprecated"] = c.body
		}
		return nil
	})
}

// labelImage wants the fingerprint of the labels that the caller has seen, as Google does.
func (a *API) labelImage(c call) (object, error) {
	return a.change(c, func(_ string, r *resource) error {
		if c.body["labelFingerprint"] != r.data["labelFingerprint"] {
			return problem(http.StatusPreconditionFailed, "conditionNotMet", "Labels fingerprint either invalid or resource labels have changed")
		}
		r.data["labels"], r.data["labelFingerprint"] = c.body["labels"], a.number()
		return nil
	})
}
