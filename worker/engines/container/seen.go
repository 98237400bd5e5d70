package container

import (
	"archive/tar"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// seen is what is known of a container's own file system, by absolute paths. To ask takes Podman a tenth of a
// second, and a folder may have many links.
type seen struct {
	mu      sync.Mutex
	entries map[string]*entry // nil of what is not there
	vague   map[string]bool   // what is there, and nothing more is known of it
	listed  []string          // folders below which everything is known
}

// noticing is how many entries are known again.
const noticing = 1 << 20

// at is an entry that has been found at a path, or none.
func (e *entry) at(p string) (entry, error) {
	if e == nil {
		return entry{}, pathError(p, fs.ErrNotExist)
	}
	return *e, nil
}

// find tells whether it is known what is at a path, and what that is: nil is nothing.
func (s *seen) find(p string) (e *entry, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, known = s.entries[p]; known || s.vague[p] {
		return e, known
	}
	for _, dir := range s.listed {
		if strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/") {
			return nil, true
		}
	}
	return nil, false
}

// note keeps what is at a path, nil for nothing, and returns it.
func (s *seen) note(p string, e *entry) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(p, e)
	return e
}

// keep is note. s.mu is held.
func (s *seen) keep(p string, e *entry) {
	if s.entries == nil {
		s.entries, s.vague = map[string]*entry{}, map[string]bool{}
	}
	if len(s.entries) < noticing {
		s.entries[p] = e
	}
}

// list keeps an entry of the list of a folder. What a hard link has is told elsewhere.
func (s *seen) list(dir string, h *tar.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := path.Join(dir, h.Name)
	s.keep(p, &entry{mode: h.FileInfo().Mode(), size: h.Size, modified: h.ModTime, link: h.Linkname})
	if h.Typeflag == tar.TypeLink {
		delete(s.entries, p)
		s.vague[p] = true
	}
}

// whole is for the end of a list: there is nothing else below the folder.
func (s *seen) whole(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entries) < noticing {
		s.listed = append(s.listed, dir)
	}
}
