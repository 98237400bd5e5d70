package filecache

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/private"
)

// hashesName is the name of the file of the hashes, beside the state file.
const hashesName = "workerkit-file-hashes.json"

// saved is an entry in the reference's form. It has in_use as well, which says nothing about a
// worker that is not running any more.
type saved struct {
	Created  time.Time `json:"created"`
	Location string    `json:"location"`
	Hits     int       `json:"hits"`
	Key      string    `json:"key"`
	SHA256   string    `json:"sha256"`
	LastUsed time.Time `json:"last_used"`
}

// known is the hash of a file that was like this, in the file of the hashes: by its name.
type known struct {
	identity
	SHA256 string `json:"sha256"`
}

// load reads the state. What cannot be used is said in the log.
func (c *Cache) load() map[string]*entry {
	entries := map[string]*entry{}
	hashes := c.read(c.hashes())
	for key, text := range c.read(c.State) {
		if fetch.InlineKey(key) { // only the reference keeps it
			continue
		}
		var s saved
		if err := json.Unmarshal(text, &s); err != nil {
			c.Logger.Warn("an entry of the file cache cannot be read", "error", err)
			continue
		}
		name, ok := c.inside(s.Location)
		if !ok {
			c.Logger.Warn("an entry of the file cache is not in downloadsDir, and is forgotten; its file is left", "location", s.Location)
			continue
		}
		e := &entry{key: key, name: name, sha256: s.SHA256, created: s.Created, used: s.LastUsed, hits: s.Hits, synced: true}
		if e.used.Before(e.created) { // the reference does not set it
			e.used = e.created
		}
		info, err := os.Lstat(c.path(e))
		if err != nil || !info.Mode().IsRegular() {
			c.Logger.Warn("a download is gone", "file", e.name, "error", err)
			continue
		}
		e.size = info.Size()
		var k known
		if json.Unmarshal(hashes[name], &k) == nil && k.SHA256 == e.sha256 {
			e.id = k.identity
		}
		entries[key] = e
	}
	return entries
}

// inside is the name of a file of an entry that is in the directory.
func (c *Cache) inside(location string) (string, bool) {
	if location == "" {
		return "", false
	}
	if !filepath.IsAbs(location) {
		location = filepath.Join(filepath.Dir(c.State), location)
	}
	return filepath.Base(location), filepath.Dir(location) == c.Dir && isOurs(filepath.Base(location))
}

// read reads a file with an object in it; nothing when it is missing or damaged.
func (c *Cache) read(path string) map[string]json.RawMessage {
	data, note, err := private.Read(path)
	if note != "" {
		c.Logger.Warn("a state file of the file cache was not private", "change", note)
	}
	all := map[string]json.RawMessage{}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if path == c.State && c.holdsFiles() { // else it is a first start, or the first after the public worker
			c.Logger.Warn("the file cache has no state file: it begins empty", "file", path)
		}
	case err != nil:
		c.Logger.Warn("a state file of the file cache cannot be read, and is replaced", "file", path, "error", err)
	}
	return all
}

// holdsFiles tells whether there is something in the directory.
func (c *Cache) holdsFiles() bool {
	files, err := os.ReadDir(c.Dir)
	return err == nil && len(files) > 0
}

func (c *Cache) hashes() string { return filepath.Join(filepath.Dir(c.State), hashesName) }

// isOurs tells whether a file has a name as the cache and the reference give it: a slugid.
func isOurs(name string) bool {
	const length = 22
	if len(name) != length {
		return false
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}

// sweep removes files that have no entry. Whatever has another kind of name is not the cache's.
func (c *Cache) sweep() error {
	listed := map[string]bool{}
	for _, e := range c.entries {
		listed[e.name] = true
	}
	files, err := os.ReadDir(c.Dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if listed[file.Name()] || !file.Type().IsRegular() || !isOurs(file.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(c.Dir, file.Name())); err != nil {
			c.Logger.Warn("a download that was not completed cannot be removed", "error", err)
		}
	}
	return nil
}

// changed has the state written soon. c.mu is held.
func (c *Cache) changed() {
	c.dirty = true
	if c.saving || c.closed { // Close does it
		return
	}
	c.saving = true
	c.owned.Go(c.save)
}

// save writes the state until it has not changed meanwhile.
func (c *Cache) save() {
	for {
		c.mu.Lock()
		if !c.dirty {
			c.saving = false
			c.mu.Unlock()
			return
		}
		c.dirty = false
		all := maps.Clone(c.entries)
		c.mu.Unlock()
		c.sync(all)
		if err := c.write(); err != nil {
			c.Logger.Warn("the state of the file cache cannot be written: downloads will be made again after a restart", "error", err)
		}
	}
}

// sync has files on disk before the state says that they are complete. One that is in use waits for
// its release: whoever unpacks it has the disk to itself.
func (c *Cache) sync(all map[string]*entry) {
	for _, e := range all {
		c.mu.Lock()
		done := e.synced || e.dropped || e.users > 0 && !c.closed
		c.mu.Unlock()
		if done {
			continue
		}
		err := syncFile(c.path(e))
		if os.IsNotExist(err) { // it has just been removed
			continue
		}
		if err != nil {
			c.Logger.Warn("a download may not outlive a restart", "error", err)
			continue
		}
		c.mu.Lock()
		e.synced = true
		c.mu.Unlock()
	}
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return cmp.Or(file.Sync(), file.Close())
}

// write writes what is on disk.
func (c *Cache) write() error {
	state, hashes := map[string]saved{}, map[string]known{}
	c.mu.Lock()
	for key, e := range c.entries {
		if !e.synced {
			continue
		}
		state[key] = saved{e.created, c.path(e), e.hits, key, e.sha256, e.used}
		if e.id != (identity{}) {
			hashes[e.name] = known{e.id, e.sha256}
		}
	}
	c.mu.Unlock()
	// In this order: the hashes of files that are not listed do no harm.
	return cmp.Or(writeJSON(c.hashes(), hashes), writeJSON(c.State, state))
}

func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return private.Write(path, data)
}
