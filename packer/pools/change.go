package pools

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Options narrow or widen which launch configs change, and how.
type Options struct {
	Launches []string // the ids of the only ones that may change; any when empty
	Replace  string   // an image that is not ours, and is to be replaced as well
	All      bool     // whatever image they have
	// Beside, when not 0, is the weight of the new image beside the former ones: more than 0 and
	// less than 1. When 0 the former ones go.
	Beside float64
}

// Change is another definition for a pool.
type Change struct {
	Former, Next Definition

	// Alone are the launch configs that stay as they are since their image is not ours.
	Alone []Alone
	// Ours is how many have an image of ours, whether they change or not.
	Ours int

	images []string // that come and go
}

// Alone is a launch config with an image that is not ours.
type Alone struct {
	LaunchConfigID string   `json:"launchConfigId"`
	Images         []string `json:"images"`
}

// Empty tells whether nothing changes.
func (c Change) Empty() bool { return c.Former.Digest() == c.Next.Digest() }

// Digest names the change: a pool that has another definition, or an image that is another one
// now, makes it another.
func (c Change) Digest() string { return c.Former.Digest() + "-" + c.Next.Digest() }

// Since tells what has become different since changes had the digests that are expected: the pool,
// or only what it is to become.
func (c Change) Since(expected []string) string {
	for _, digest := range expected {
		if former, _, _ := strings.Cut(digest, "-"); former == c.Former.Digest() {
			return "the pool is as it was, but what it is to become is not: look at the new diff"
		}
	}
	return fmt.Sprintf("the pool was changed at %s: look at the new diff", c.Former.LastModified)
}

// Make works out the definition of a pool with the new image. Its error names everything that
// stands in the way.
func Make(former Definition, images Images, o Options) (Change, error) {
	c := Change{Former: former, Alone: []Alone{}}
	var problems []error
	var launches []*launch
	for _, content := range former.launches() {
		l, err := newLaunch(content, images, o)
		if err != nil {
			problems = append(problems, fmt.Errorf("launch config %s: %w", name(content), err))
		}
		launches = append(launches, l)
		switch {
		case len(l.found) > 0:
			c.Ours++
			for i, p := range l.found {
				c.images = append(c.images, p.image(), l.next[i])
			}
		case !l.limited:
			c.Alone = append(c.Alone, Alone{name(content), imagesOf(content)})
		}
	}
	c.Next = former
	if len(problems) > 0 || c.Ours == 0 {
		return c, errors.Join(problems...)
	}
	for _, g := range groups(launches) {
		g.change(o.Beside)
	}
	var next []map[string]any
	for _, l := range launches {
		if !l.gone {
			next = append(next, l.content)
		}
		if l.copied != nil {
			next = append(next, l.copied)
		}
	}
	c.Next = former.with(next)
	return c, nil
}

// Back is the change of a pool to a definition that it had.
func Back(now, kept Definition) Change {
	return Change{Former: now, Next: kept, Alone: []Alone{}}
}

// Gone lists the ids of the launch configs that there are no more after the change, and tells
// whether some of them have none.
func (c Change) Gone() (ids []string, nameless bool) {
	left := map[string]int{}
	for _, l := range c.Next.launches() {
		left[launchID(l)]++
	}
	for _, l := range c.Former.launches() {
		id := launchID(l)
		if id == "" {
			nameless = nameless || !c.Empty()
		} else if left[id] == 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nameless
}

// LaunchIDs lists the ids of the launch configs that have one.
func (d Definition) LaunchIDs() []string {
	var ids []string
	for _, l := range d.launches() {
		if id := launchID(l); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// name names a launch config for people.
func name(content map[string]any) string {
	if id := launchID(content); id != "" {
		return id
	}
	return "without an id"
}

// imagesOf lists what a launch config boots. A parameter that need not be an image is left out:
// it may be a secret.
func imagesOf(content map[string]any) []string {
	found := map[string]bool{}
	for _, p := range placesOf(content) {
		if image := p.image(); p.main && image != "" {
			found[image] = true
		}
	}
	return append([]string{}, slices.Sorted(maps.Keys(found))...)
}
