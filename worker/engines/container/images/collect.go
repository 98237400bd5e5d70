package images

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// idle is an image that nobody uses.
type idle struct {
	id   string
	used time.Time
	keys []string // of its records; none: a worker that was killed has left it
	name string   // of one without records
}

// Collect implements room.Collector. It removes only what was pulled or loaded for tasks; an image
// that has another name as well, or that a container is made of, stays in the engine.
func (s *Store) Collect(ctx context.Context, need uint64) (freed uint64, err error) {
	sizes, left, err := s.list(ctx)
	if err != nil {
		return 0, fmt.Errorf("images: list them: %w", err)
	}
	var problems []error
	for _, image := range append(left, s.oldest()...) {
		if freed >= need || ctx.Err() != nil {
			break
		}
		gone, err := s.remove(ctx, image)
		if err != nil {
			problems = append(problems, fmt.Errorf("images: remove %s: %w", image.id, err))
		}
		if gone {
			freed += sizes[image.id] + 1 // even a shared one takes some space
		}
	}
	return freed, errors.Join(problems...)
}

// oldest lists the images that have records, the least recently used first.
func (s *Store) oldest() []idle {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]idle{}
	for key, r := range s.records {
		image := all[r.ID]
		image.id = r.ID
		image.keys = append(image.keys, key)
		if r.Own.Used.After(image.used) {
			image.used = r.Own.Used
		}
		all[r.ID] = image
	}
	return slices.SortedFunc(maps.Values(all), func(a, b idle) int { return a.used.Compare(b.used) })
}

// list tells how much space each image has for itself, and which are left of workers that were killed
// before they could note them.
func (s *Store) list(ctx context.Context) (sizes map[string]uint64, left []idle, err error) {
	reply, err := s.API.ImageList(ctx, client.ImageListOptions{SharedSize: true})
	if err != nil {
		return nil, nil, err
	}
	sizes = map[string]uint64{}
	for _, image := range reply.Items {
		id := withAlgorithm(image.ID)
		sizes[id] = uint64(max(image.Size-max(image.SharedSize, 0), 0)) //nolint:gosec // not negative
		for _, name := range image.RepoTags {
			if isOurs(name) {
				left = append(left, idle{id: id, name: name})
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return sizes, slices.DeleteFunc(left, func(i idle) bool { return s.noted(i.name) }), nil
}

// isOurs tells whether a name is of an image of an artifact.
func isOurs(name string) bool {
	return len(name) > len(repository) && name[:len(repository)+1] == repository+":"
}

// noted tells whether a name of ours is known or about to be. s.mu is held.
func (s *Store) noted(name string) bool {
	for _, r := range s.records {
		if r.Name == name {
			return true
		}
	}
	for key := range s.flights {
		if nameOf(key) == name {
			return true
		}
	}
	return false
}

// remove removes an image unless somebody uses it, or is about to.
func (s *Store) remove(ctx context.Context, image idle) (gone bool, err error) {
	s.busy.Lock()
	defer s.busy.Unlock()
	names, ok := s.removable(image)
	if !ok {
		return false, nil
	}
	for _, name := range names {
		if now, err := s.inspect(ctx, name); err != nil || now != image.id {
			name = image.id // the name is another image's by now
		}
		_, err := s.API.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
		switch {
		case errdefs.IsConflict(err): // of a container that somebody else has made, or with another name
			return false, nil
		case err != nil && !errdefs.IsNotFound(err):
			return false, err
		}
	}
	s.mu.Lock()
	for _, key := range image.keys {
		delete(s.records, key)
		s.changed()
	}
	s.mu.Unlock()
	left, err := s.inspect(ctx, image.id)
	return left == "" && err == nil, err
}

// removable are the names by which an image is removed; false when it has to stay.
func (s *Store) removable(image idle) (names []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[image.id] > 0 {
		return nil, false
	}
	if len(image.keys) == 0 { // unless somebody has begun to load it again
		return []string{image.name}, !s.noted(image.name)
	}
	for _, key := range image.keys {
		r := s.records[key]
		if r == nil || r.ID != image.id || s.flights["name:"+key] != nil || s.wanted(r) {
			return nil, false
		}
		if r.Name == "" {
			names = append(names, r.ID)
		} else {
			names = append(names, r.Name)
		}
	}
	return names, true
}

// wanted tells whether an artifact of an image is being loaded again. s.mu is held.
func (s *Store) wanted(r *record) bool {
	return slices.ContainsFunc(r.Own.Artifacts, func(content string) bool { return s.flights[content] != nil })
}
