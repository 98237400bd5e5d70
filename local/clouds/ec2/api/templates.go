package api

import "strconv"

// template is a launch template.
type template struct {
	id, name, created string
	images            []string // the image of each version, of which the first is 1
	tags              tags
}

// templateAnswer is a launch template in an answer.
type templateAnswer struct {
	ID      string   `xml:"launchTemplateId"`
	Name    string   `xml:"launchTemplateName"`
	Created string   `xml:"createTime"`
	Default int      `xml:"defaultVersionNumber"`
	Latest  int      `xml:"latestVersionNumber"`
	Tags    set[tag] `xml:"tagSet"`
}

func (t *template) answer() templateAnswer {
	return templateAnswer{t.id, t.name, t.created, 1, len(t.images), t.tags.answer()}
}

func (a *region) createTemplate(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := q.get("LaunchTemplateName")
	for _, other := range a.templates {
		if other.name == name {
			return nil, missing("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
		}
	}
	t := &template{
		id: newID("lt"), name: name, created: stamp(a.options.Clock()),
		images: []string{q.get("LaunchTemplateData.ImageId")}, tags: q.specified("launch-template"),
	}
	a.templates[t.id] = t
	return struct {
		Template templateAnswer `xml:"launchTemplate"`
	}{t.answer()}, nil
}

func (a *region) createTemplateVersion(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, err := a.findTemplate(q.get("LaunchTemplateId"))
	if err != nil {
		return nil, err
	}
	t.images = append(t.images, q.get("LaunchTemplateData.ImageId"))
	return struct {
		Version templateVersion `xml:"launchTemplateVersion"`
	}{t.version(len(t.images))}, nil
}

func (a *region) describeTemplates(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, err := choose(a.templates, q.list("LaunchTemplateId"), q.filters(), func(t *template) (map[string]string, tags, templateAnswer) {
		return map[string]string{"launch-template-name": t.name}, t.tags, t.answer()
	})
	return struct {
		Templates set[templateAnswer] `xml:"launchTemplates"`
	}{found}, err
}

// templateVersion is one version of a launch template in an answer.
type templateVersion struct {
	ID      string `xml:"launchTemplateId"`
	Name    string `xml:"launchTemplateName"`
	Version int    `xml:"versionNumber"`
	Default bool   `xml:"defaultVersion"`
	Image   string `xml:"launchTemplateData>imageId,omitempty"`
}

func (t *template) version(number int) templateVersion {
	return templateVersion{t.id, t.name, number, number == 1, t.images[number-1]}
}

// describeTemplateVersions has all versions of one template.
func (a *region) describeTemplateVersions(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, err := a.findTemplate(q.get("LaunchTemplateId"))
	if err != nil {
		return nil, err
	}
	all := map[string]templateVersion{}
	for n := range t.images {
		all[strconv.Itoa(n+1)] = t.version(n + 1)
	}
	found, err := choose(all, nil, q.filters(), func(v templateVersion) (map[string]string, tags, templateVersion) {
		return map[string]string{"image-id": v.Image}, nil, v
	})
	return struct {
		Versions set[templateVersion] `xml:"launchTemplateVersionSet"`
	}{found}, err
}

func (a *region) findTemplate(id string) (*template, error) {
	if t, there := a.templates[id]; there {
		return t, nil
	}
	return nil, missing("InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID %s, does not exist.", id)
}
