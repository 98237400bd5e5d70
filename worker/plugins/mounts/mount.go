package mounts

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/worker/task"
)

// EmptyTar is an archive of nothing in base64, and EmptyFormat its format: the content of a directory that is
// to be there, empty. Nothing is unpacked for it.
const (
	EmptyTar    = "H4sIAAAAAAAC/2NgGAWjYBSMVAAALq+17wAEAAA="
	EmptyFormat = "tar.gz"
)

// mount is one of the payload's.
type mount struct {
	File      string   `json:"file"`
	Directory string   `json:"directory"`
	CacheName *string  `json:"cacheName"`
	Content   *content `json:"content"`
	Format    string   `json:"format"`

	name  string // for messages
	place string // absolute
}

type content struct {
	TaskID    string `json:"taskId"`
	Artifact  string `json:"artifact"`
	Namespace string `json:"namespace"`
	URL       string `json:"url"`
	Raw       string `json:"raw"`
	Base64    string `json:"base64"`
	SHA256    string `json:"sha256"`
}

func (c *content) fetch() fetch.Content { return fetch.Content(*c) }

// isCache tells a writable cache from a read-only directory, which has no name.
func (m *mount) isCache() bool { return m.CacheName != nil }

// isEmpty tells of what is no cache whether it is a directory that only has to be there, as a volume of a container.
func (m *mount) isEmpty() bool {
	return m.Content != nil && m.Content.Base64 == EmptyTar && m.Format == EmptyFormat
}

// cache is the name of the cache.
func (m *mount) cache() string { return *m.CacheName }

// target is where the mount is to be, as the payload says it.
func (m *mount) target() string { return m.File + m.Directory }

// kind is what the mount is, in words.
func (m *mount) kind() string {
	switch {
	case m.File != "":
		return "file"
	case m.isCache():
		return "cache " + m.cache()
	case m.isEmpty():
		return "writable directory"
	default:
		return "read-only directory"
	}
}

// within tells whether the mount is in another one.
func (m *mount) within(other *mount) bool {
	return strings.HasPrefix(m.place, strings.TrimSuffix(other.place, string(filepath.Separator))+string(filepath.Separator))
}

// check finds what is wrong with mounts that the schema cannot see.
func check(run *task.Run, all []*mount) error {
	for i, m := range all {
		m.name = fmt.Sprintf("mounts[%d] (%s at %q)", i, m.kind(), m.target())
		var err error
		if m.place, err = place(run.Dir, m.target()); err != nil {
			return task.Malformed("%s: %w", m.name, err)
		}
		if c := m.Content; c != nil && c.TaskID != "" && !slices.Contains(run.Definition.Dependencies, c.TaskID) {
			return task.Malformed("%s: the task %s, whose artifact it is, must be among the task's dependencies: add it to task.dependencies", m.name, c.TaskID)
		}
		for _, earlier := range all[:i] {
			if err := clash(earlier, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// place is the absolute path of a target.
func place(dir, target string) (string, error) {
	path := filepath.FromSlash(target)
	switch {
	case filepath.IsAbs(path):
		path = filepath.Clean(path)
	case filepath.IsLocal(path):
		path = filepath.Join(dir, path)
	default:
		return "", fmt.Errorf("the path must lead to a place in the task directory, or be absolute")
	}
	if path == filepath.Clean(dir) {
		return "", fmt.Errorf("the path must not be the task directory itself: name a place in it")
	}
	return path, nil
}

// clash tells why two mounts, a before b, cannot both be.
func clash(a, b *mount) error {
	switch {
	case a.isCache() && b.isCache() && a.cache() == b.cache():
		return task.Malformed("%s and %s: a task can have a cache once only", a.name, b.name)
	case a.place == b.place:
		return task.Malformed("%s and %s: they are at the same place", a.name, b.name)
	case b.File == "" && a.within(b):
		return task.Malformed("%s lies within %s: put it after it", a.name, b.name)
	case a.File != "" && b.within(a), b.File != "" && a.within(b):
		return task.Malformed("%s and %s: one is a file, and the other cannot be in it", a.name, b.name)
	}
	return nil
}

func usesCaches(all []*mount) bool { return slices.ContainsFunc(all, (*mount).isCache) }
