package task

import (
	"maps"
	"sync"
)

// Uploads are the artifacts with data that a run has uploaded: what the feature that uploads
// learns for those that certify. The zero value has none. It may be used from any goroutine.
type Uploads struct {
	mu     sync.Mutex
	sha256 map[string]string
}

// Add notes an artifact, with the hash in hex of its data before compression.
func (u *Uploads) Add(name, sha256 string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sha256 == nil {
		u.sha256 = map[string]string{}
	}
	u.sha256[name] = sha256
}

// SHA256 returns the hashes by the artifacts' names.
func (u *Uploads) SHA256() map[string]string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.sha256)
}

// Certified tells whether the hashes of the run's artifacts are wanted.
func (r *Run) Certified() bool { return r.Feature("chainOfTrust", false) }
