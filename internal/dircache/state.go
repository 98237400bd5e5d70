package dircache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/workerkit/workerkit/internal/private"
)

// entry is one cache, as the public worker writes it.
type entry struct {
	Created  time.Time `json:"created"`
	Location string    `json:"location"`
	Hits     int       `json:"hits"`
	Key      string    `json:"key"` // the cache's name
	InUse    bool      `json:"in_use"`
	LastUsed time.Time `json:"last_used"`

	doomed bool // to be deleted when it is no longer in use
}

// readState reads the file: lists of caches by name or, of older releases, one cache by name. What
// makes no sense is left out; err says that there was such, or nothing else.
func readState(path string) (all map[string][]*entry, err error) {
	all = map[string][]*entry{}
	data, _, err := private.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	var names map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(data, &names)
	}
	if err != nil {
		return all, fmt.Errorf("read %s: %w", path, err)
	}
	bad := 0
	for name, text := range names {
		list := []json.RawMessage{text}
		if text[0] == '[' && json.Unmarshal(text, &list) != nil { // it was read before
			list = nil
		}
		for _, one := range list {
			var e entry
			if json.Unmarshal(one, &e) != nil || e.Location == "" {
				bad++
				continue
			}
			e.Key = name
			all[name] = append(all[name], &e)
		}
	}
	if bad > 0 {
		err = fmt.Errorf("read %s: %d entries make no sense", path, bad)
	}
	return all, err
}

// writeState replaces the file. It does not wait for the disk: file systems with a journal keep
// the order of this and of what a task does to a cache later, and a file that a power cut has damaged
// costs the caches alone.
func writeState(path string, all map[string][]*entry) error {
	data, err := json.Marshal(all)
	if err == nil {
		err = private.WriteFast(path, data)
	}
	if err != nil {
		return fmt.Errorf("note what the caches are: %w", err)
	}
	return nil
}
