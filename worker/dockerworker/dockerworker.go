// Package dockerworker understands the payloads of docker-worker, which run one command in a
// container, and makes of each what the plugins and the container engine of this worker understand.
//
//	docker-worker                      here
//	image, command, capabilities       container, which the container engine alone reads
//	env, maxRunTime, onExitStatus      the same
//	cache {name: path}                 mounts: a writable directory cache at the container's path
//	artifacts {name: {path, …}}        artifacts: a list in the order of their names, optional all
//	  of the type volume               the same as a directory; and in mounts an empty directory
//	                                   of the worker's disk, so that nothing is copied out
//	log                                logs: live, and backing with _backing before the extension
//	features.localLiveLog, bulkLog     features.liveLog, backingLog
//	features.artifacts: false          no artifacts, no logs
//	capabilities.devices.loopbackX     features.loopbackX, and container.devices
//
// What needs scopes needs those of docker-worker, and is granted to the run in the words of the
// plugins (task.Run.Granted): the task's own scopes stay as they are, for the Taskcluster proxy and
// the certificate. What the pool's operator has switched off is left out with a warning.
package dockerworker

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/task"
)

// Name is what payloads of this form are called.
const Name = "docker-worker payloads (those with an image)"

// Config is what the translation works with.
type Config struct {
	Policy config.D2G    // what tasks may have
	Scopes task.Expander // of roles
	// NoMounts says that the configuration has switched off what caches and volumes are made of.
	NoMounts bool
}

// Translator makes payloads of this worker of those of docker-worker. It is safe for concurrent use.
type Translator struct{ config Config }

// New makes a translator.
func New(c Config) *Translator { return &Translator{c} }

// Accepts tells whether a payload, valid or not, is meant for docker-worker: it has an image.
func Accepts(payload json.RawMessage) bool {
	var all map[string]json.RawMessage
	if json.Unmarshal(payload, &all) != nil {
		return false
	}
	_, has := all["image"]
	return has
}

// document is a payload of docker-worker.
type document struct {
	Image        image             `json:"image"`
	Command      []string          `json:"command"`
	Env          map[string]string `json:"env"`
	MaxRunTime   json.RawMessage   `json:"maxRunTime"`
	Cache        map[string]string `json:"cache"` // places by name
	Capabilities struct {
		Privileged     bool    `json:"privileged"`
		DisableSeccomp bool    `json:"disableSeccomp"`
		Devices        devices `json:"devices"`
	} `json:"capabilities"`
	Artifacts    map[string]artifact `json:"artifacts"` // by name
	Log          string              `json:"log"`
	OnExitStatus struct {
		Retry       []float64 `json:"retry"` // an integer may be written as 1e2
		PurgeCaches []float64 `json:"purgeCaches"`
	} `json:"onExitStatus"`
	Features features `json:"features"`
}

type artifact struct {
	Type    string `json:"type"` // file, directory or volume
	Path    string `json:"path"`
	Expires string `json:"expires"`
}

// features are pointers where leaving one out is not what a worker may have as its default.
type features struct {
	LocalLiveLog     *bool `json:"localLiveLog"`
	BulkLog          *bool `json:"bulkLog"`
	Artifacts        *bool `json:"artifacts"`
	TaskclusterProxy bool  `json:"taskclusterProxy"`
	Interactive      bool  `json:"interactive"`
	AllowPtrace      bool  `json:"allowPtrace"`
	ChainOfTrust     bool  `json:"chainOfTrust"`
}

// devices of the machine, here as there.
type devices struct {
	LoopbackVideo    bool `json:"loopbackVideo,omitempty"`
	LoopbackAudio    bool `json:"loopbackAudio,omitempty"`
	HostSharedMemory bool `json:"hostSharedMemory,omitempty"`
	KVM              bool `json:"kvm,omitempty"`
}

// image is by name, or an artifact: of a task, or of the one that the index has.
type image struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	TaskID    string `json:"taskId,omitempty"`
	Path      string `json:"path,omitempty"`
}

// UnmarshalJSON takes a name alone as well. The type of an object says nothing that its other
// properties do not. Of a property that is there twice the last one counts, as for the schema.
func (i *image) UnmarshalJSON(text []byte) error {
	*i = image{}
	if bytes.HasPrefix(text, []byte(`"`)) {
		return json.Unmarshal(text, &i.Name)
	}
	type plain image
	return json.Unmarshal(text, (*plain)(i))
}

func decode(payload json.RawMessage) (d document, err error) {
	if err := json.Unmarshal(payload, &d); err != nil {
		return d, fmt.Errorf("dockerworker: %w", err)
	}
	return d, nil
}

// on is a switch that is on unless it is said to be off.
func on(said *bool) bool { return said == nil || *said }
