package pools

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// launch is a launch config that may change.
type launch struct {
	content map[string]any
	found   []place  // those of content that have an image of ours, or one to be replaced
	next    []string // what they are to become
	fresh   bool     // they are that already
	limited bool     // it may not change
	gone    bool     // another one takes its place
	copied  map[string]any
	key     string // the same for launch configs that differ in their images alone
}

func newLaunch(content map[string]any, images Images, o Options) (*launch, error) {
	copied, _ := clone(content).(map[string]any)
	l := &launch{content: copied, fresh: true}
	var err error
	for _, p := range placesOf(copied) {
		image := p.image()
		if !images.known(p.target, image) && (o.Replace == "" || !same(p.target, o.Replace, image)) && (!o.All || !p.main) {
			continue
		}
		next, nextErr := images.next(p)
		if nextErr != nil {
			err = nextErr
		}
		l.fresh = l.fresh && same(p.target, next, image)
		l.found, l.next = append(l.found, p), append(l.next, next)
	}
	if !l.fresh && len(o.Launches) > 0 && !slices.Contains(o.Launches, launchID(content)) {
		return &launch{content: copied, limited: true}, nil
	}
	l.key = l.rest()
	return l, err
}

// rest is all of it but its images and what worker-manager itself wants to know of it.
func (l *launch) rest() string {
	copied, _ := clone(l.content).(map[string]any)
	delete(copied, "workerManager")
	for _, p := range matching(copied, l) {
		p.set("")
	}
	data, err := encode(copied)
	if err != nil {
		return "" // it was JSON a moment ago
	}
	return string(data)
}

// group are launch configs that differ in their images alone.
type group struct{ former, fresh []*launch }

// groups lists the groups in which something may change.
func groups(launches []*launch) []*group {
	byKey := map[string]*group{}
	var all []*group
	for _, l := range launches {
		if len(l.found) == 0 {
			continue
		}
		g := byKey[l.key]
		if g == nil {
			g = &group{}
			byKey[l.key], all = g, append(all, g)
		}
		if l.fresh {
			g.fresh = append(g.fresh, l)
		} else {
			g.former = append(g.former, l)
		}
	}
	return slices.DeleteFunc(all, func(g *group) bool { return len(g.former) == 0 })
}

// change gives the new image to the group: all of its weight, or the share beside.
func (g *group) change(beside float64) {
	former, total := sum(g.former), sum(g.former)+sum(g.fresh)
	total = math.Min(total, 1)
	if beside > 0 {
		g.share(former, total, beside)
		return
	}
	rest := g.former
	if len(g.fresh) > 0 {
		setWeight(g.fresh[0].content, total)
	} else {
		rest = g.former[1:]
		if len(rest) > 0 {
			setWeight(g.former[0].content, total)
		}
		g.former[0].renew()
	}
	for _, l := range rest {
		l.gone = true
	}
}

// share has the new image beside the former ones.
func (g *group) share(former, total, beside float64) {
	last := g.former[len(g.former)-1]
	var fresh map[string]any
	if len(g.fresh) > 0 {
		fresh = g.fresh[0].content
	} else {
		added := &launch{next: last.next}
		added.content, _ = clone(last.content).(map[string]any)
		added.found = matching(added.content, last)
		added.renew()
		fresh, last.copied = added.content, added.content
	}
	setWeight(fresh, total*beside)
	for _, l := range g.former {
		part := 1 / float64(len(g.former))
		if former > 0 {
			part = weight(l.content) / former
		}
		setWeight(l.content, total*(1-beside)*part)
	}
}

// matching finds the places of a copy of a launch config.
func matching(copied map[string]any, of *launch) []place {
	var found []place
	for _, want := range of.found {
		for _, p := range placesOf(copied) {
			if p.path == want.path {
				found = append(found, p)
			}
		}
	}
	return found
}

// renew puts the new image in. What has another content must have another id: worker-manager
// gives it one.
func (l *launch) renew() {
	for i, p := range l.found {
		p.set(l.next[i])
	}
	drop(l.content, "launchConfigId")
}

// drop removes a setting of worker-manager's own.
func drop(content map[string]any, setting string) {
	manager, ok := content["workerManager"].(map[string]any)
	if !ok {
		return
	}
	if delete(manager, setting); len(manager) == 0 {
		delete(content, "workerManager")
	}
}

func sum(launches []*launch) float64 {
	total := 0.0
	for _, l := range launches {
		total += weight(l.content)
	}
	return total
}

// weight is how likely a launch config is chosen; 1 where it does not say.
func weight(content map[string]any) float64 {
	manager, _ := content["workerManager"].(map[string]any)
	number, ok := manager["initialWeight"].(json.Number)
	if !ok {
		return 1
	}
	value, err := number.Float64()
	if err != nil {
		return 1
	}
	return value
}

// setWeight sets the weight, which is left out where it is 1.
func setWeight(content map[string]any, value float64) {
	const digits = 1e6 // so many parts of 1 are told apart
	value = math.Round(value*digits) / digits
	if value == weight(content) {
		return
	}
	if value == 1 {
		drop(content, "initialWeight")
		return
	}
	manager, ok := content["workerManager"].(map[string]any)
	if !ok {
		manager = map[string]any{}
		content["workerManager"] = manager
	}
	manager["initialWeight"] = json.Number(strconv.FormatFloat(value, 'f', -1, 64))
}
