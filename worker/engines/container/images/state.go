package images

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/workerkit/workerkit/internal/private"
)

// record is an image that was pulled or loaded for tasks, in the reference's form. Its key is the
// SHA-256 of the artifact, as there, or the name that was pulled, or the id of an image whose name has
// become another one's.
type record struct {
	ID   string `json:"id"`
	Name string `json:"name"` // by which it is removed; "" when it has none
	Own  own    `json:"workerkit"`
}

// own is what the reference does not read.
type own struct {
	Artifacts []string  `json:"artifacts,omitempty"` // keys of contents that have this SHA-256
	Used      time.Time `json:"lastUsed"`
}

// load reads the state. What cannot be used is said in the log.
func (s *Store) load() map[string]*record {
	records := map[string]*record{}
	data, note, err := private.Read(s.State)
	if note != "" {
		s.Logger.Warn("the state file of the images was not private", "change", note)
	}
	all := map[string]json.RawMessage{}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.Logger.Info("no image is known from earlier", "file", s.State)
	case err != nil:
		s.Logger.Warn("the state file of the images cannot be read, and is replaced: images will be loaded again", "file", s.State, "error", err)
	}
	for key, text := range all {
		r := &record{}
		if err := json.Unmarshal(text, r); err != nil || r.ID == "" {
			s.Logger.Warn("an entry in the state file of the images cannot be used", "key", key, "error", err)
			continue
		}
		r.ID = withAlgorithm(r.ID)
		records[key] = r
	}
	return records
}

// changed has the state written soon. Nobody waits for it: right after a load the disk is busy with what
// the engine has written. s.mu is held.
func (s *Store) changed() {
	s.dirty = true
	if s.saving || s.closed { // Close does it
		return
	}
	s.saving = true
	s.owned.Go(s.save)
}

// save writes the state until it has not changed meanwhile.
func (s *Store) save() {
	for {
		s.mu.Lock()
		if !s.dirty {
			s.saving = false
			s.mu.Unlock()
			return
		}
		s.dirty = false
		data, err := json.Marshal(s.records)
		s.mu.Unlock()
		if err == nil {
			err = private.Write(s.State, data)
		}
		if err != nil {
			s.Logger.Warn("the state of the images cannot be written: they will be loaded again after a restart", "error", err)
		}
	}
}

// known finds the record of a content. s.mu is held.
func (s *Store) known(content string) (sha256 string, r *record) {
	for key, r := range s.records {
		if slices.Contains(r.Own.Artifacts, content) {
			return key, r
		}
	}
	return "", nil
}

// remember notes an image that was pulled or loaded; content is the key of the artifact's, or "".
func (s *Store) remember(key string, f found, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.records[key]
	r := &record{ID: f.id, Name: f.name, Own: own{Used: s.Now()}}
	if old != nil && old.ID != f.id {
		s.records[old.ID] = &record{ID: old.ID, Own: own{Used: old.Own.Used}} // it has lost its name
	}
	if content != "" {
		s.forgetContent(content)
		if old != nil {
			r.Own.Artifacts = old.Own.Artifacts
		}
		r.Own.Artifacts = append(r.Own.Artifacts, content)
	}
	s.records[key] = r
	s.changed()
}

// forgetContent forgets which image a content is. s.mu is held.
func (s *Store) forgetContent(content string) {
	for _, r := range s.records {
		r.Own.Artifacts = slices.DeleteFunc(r.Own.Artifacts, func(c string) bool { return c == content })
	}
}
