// Package inventory says what is in a finished image: the build takes the inventory inside the
// machine as its last step but the cleaning, in every cloud the same way.
package inventory

import "time"

// Inventory is what an image has.
type Inventory struct {
	System   string            `json:"system"` // "Debian GNU/Linux 12 (bookworm)"
	Kernel   string            `json:"kernel,omitempty"`
	Taken    time.Time         `json:"taken"`
	Packages []Package         `json:"packages"` // sorted by name, then architecture
	Services []Service         `json:"services"` // sorted by name
	Files    []File            `json:"files"`    // what the image's definition and worker-images put there, sorted by path
	Folders  map[string]int64  `json:"folders"`  // bytes used below some folders: "/", "/usr", "/var", …
	Tests    []Test            `json:"tests,omitempty"`
	Versions map[string]string `json:"versions,omitempty"` // what programs say of themselves: "start-worker" → "1.2.3"
}

// Package is a package of the system's package manager.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"` // installed
	Source  string `json:"source,omitempty"`
	Licence string `json:"licence,omitempty"`
}

// Service is a unit of the service manager.
type Service struct {
	Name  string `json:"name"`
	State string `json:"state"` // "enabled", "disabled", "masked", "static"
}

// File is a file with its digest.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	Mode   string `json:"mode"`
	SHA256 string `json:"sha256"`
}

// Test is the result of one of the definition's tests, in the machine that was built.
type Test struct {
	Name   string  `json:"name"`
	Passed bool    `json:"passed"`
	Took   float64 `json:"took"` // seconds
}
