package dockerworker

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/worker/plugins/mounts"
)

// generic is the payload that is made: of those properties of this worker's payloads that
// docker-worker has in some form.
type generic struct {
	MaxRunTime   json.RawMessage   `json:"maxRunTime"`
	Env          map[string]string `json:"env,omitempty"`
	Mounts       []mount           `json:"mounts,omitempty"`
	Artifacts    []entry           `json:"artifacts,omitempty"`
	Features     map[string]bool   `json:"features,omitempty"`
	Logs         logs              `json:"logs,omitzero"`
	OnExitStatus exitCodes         `json:"onExitStatus,omitzero"`
	Container    container         `json:"container"`
}

// mount is a writable cache, or with content an unpacked archive.
type mount struct {
	Directory string   `json:"directory"`
	CacheName *string  `json:"cacheName,omitempty"`
	Content   *content `json:"content,omitempty"`
	Format    string   `json:"format,omitempty"`
}

type content struct {
	Base64 string `json:"base64"`
}

type entry struct {
	Type     string `json:"type"`
	Path     string `json:"path"`
	Name     string `json:"name"`
	Expires  string `json:"expires,omitempty"`
	Optional bool   `json:"optional"`
}

type logs struct {
	Live    string `json:"live"`
	Backing string `json:"backing"`
}

type exitCodes struct {
	Retry       []int `json:"retry,omitempty"`
	PurgeCaches []int `json:"purgeCaches,omitempty"`
}

// container is for the container engine.
type container struct {
	Image          image    `json:"image"`
	Command        []string `json:"command,omitempty"`
	Privileged     bool     `json:"privileged,omitempty"`
	DisableSeccomp bool     `json:"disableSeccomp,omitempty"`
	AllowPtrace    bool     `json:"allowPtrace,omitempty"`
	Devices        devices  `json:"devices,omitzero"`
}

// Translate makes the payload for the plugins and the container engine. What the policy does not
// allow is left out of it.
func (t *Translator) Translate(payload json.RawMessage) (json.RawMessage, error) {
	d, err := decode(payload)
	if err != nil {
		return nil, err
	}
	for _, a := range asks() {
		if !a.allowed(t.config.Policy) {
			*a.wanted(&d) = false
		}
	}
	return json.Marshal(generic{
		MaxRunTime: d.MaxRunTime, Env: d.Env, Mounts: d.mounts(), Artifacts: d.artifacts(),
		Features: d.features(), Logs: d.logs(),
		OnExitStatus: exitCodes{codes(d.OnExitStatus.Retry, 1), codes(d.OnExitStatus.PurgeCaches, 0)},
		Container: container{
			Image: d.Image, Command: d.Command, Privileged: d.Capabilities.Privileged,
			DisableSeccomp: d.Capabilities.DisableSeccomp, AllowPtrace: d.Features.AllowPtrace, Devices: d.Capabilities.Devices,
		},
	})
}

// inside is a path in the container, where relative ones count from its root.
func inside(p string) string { return path.Join("/", p) }

// mounts are the caches and the volumes, a folder before what is in it.
func (d *document) mounts() []mount {
	var all []mount
	for _, name := range slices.Sorted(maps.Keys(d.Cache)) {
		all = append(all, mount{Directory: inside(d.Cache[name]), CacheName: &name})
	}
	volumes := map[string]bool{}
	for _, a := range d.Artifacts {
		if a.Type == "volume" {
			volumes[inside(a.Path)] = true
		}
	}
	for place := range volumes {
		all = append(all, mount{Directory: place, Content: &content{mounts.EmptyTar}, Format: mounts.EmptyFormat})
	}
	slices.SortStableFunc(all, func(a, b mount) int { return cmp.Compare(a.Directory, b.Directory) })
	return all
}

// artifacts are listed by name.
func (d *document) artifacts() []entry {
	if !on(d.Features.Artifacts) {
		return nil
	}
	all := make([]entry, 0, len(d.Artifacts))
	for _, name := range slices.Sorted(maps.Keys(d.Artifacts)) {
		a := d.Artifacts[name]
		kind := a.Type
		if kind == "volume" {
			kind = "directory"
		}
		all = append(all, entry{Type: kind, Path: inside(a.Path), Name: name, Expires: a.Expires, Optional: true})
	}
	return all
}

// features switches on what is asked for by name. A live log that is not, is left to the worker's
// default: a pool without one does not refuse tasks that never mention it.
func (d *document) features() map[string]bool {
	f := d.Features
	all := map[string]bool{}
	for name, said := range map[string]*bool{"liveLog": f.LocalLiveLog, "backingLog": f.BulkLog} {
		switch {
		case !on(f.Artifacts):
			all[name] = false
		case said != nil:
			all[name] = *said
		}
	}
	for name, wanted := range map[string]bool{
		"chainOfTrust": f.ChainOfTrust, "interactive": f.Interactive, "taskclusterProxy": f.TaskclusterProxy,
		"loopbackAudio": d.Capabilities.Devices.LoopbackAudio, "loopbackVideo": d.Capabilities.Devices.LoopbackVideo,
	} {
		if wanted {
			all[name] = true
		}
	}
	return all
}

// logs names both artifacts of the log after one.
func (d *document) logs() logs {
	if d.Log == "" {
		return logs{}
	}
	extension := path.Ext(d.Log)
	return logs{Live: d.Log, Backing: strings.TrimSuffix(d.Log, extension) + "_backing" + extension}
}

// codes leaves the exit codes that can be, once each.
func codes(all []float64, least int) []int {
	var kept []int
	for _, code := range all {
		if c := int(code); code >= float64(least) && code <= math.MaxUint8 && !slices.Contains(kept, c) {
			kept = append(kept, c)
		}
	}
	return kept
}
