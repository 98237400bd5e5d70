// Package artifacts uploads the files that a task leaves.
package artifacts

import (
	"context"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Plugin is the feature.
type Plugin struct{ uploader *artifact.Uploader }

// New makes the feature with what uploads.
func New(uploader *artifact.Uploader) *Plugin { return &Plugin{uploader} }

var (
	_ plugins.Plugin  = (*Plugin)(nil)
	_ plugins.Stopper = (*hooks)(nil)
)

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "artifacts" }

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	var wanted struct {
		Artifacts []entry `json:"artifacts"`
	}
	if err := run.Decode(&wanted); err != nil {
		return nil, err
	}
	if len(wanted.Artifacts) == 0 {
		return nil, nil
	}
	for i := range wanted.Artifacts {
		if err := wanted.Artifacts[i].complete(run.Definition); err != nil {
			return nil, err
		}
	}
	return &hooks{p, run, wanted.Artifacts}, nil
}

// entry is one item of the payload's artifacts.
type entry struct {
	Type            string    `json:"type"` // file or directory
	Path            string    `json:"path"`
	Name            string    `json:"name"`
	Expires         time.Time `json:"expires"`
	ContentType     string    `json:"contentType"`
	ContentEncoding string    `json:"contentEncoding"` // identity, gzip or, by extension, empty
	Optional        bool      `json:"optional"`
}

// slack is how far an expiry may be out of its bounds, which are rounded on their way here.
const slack = time.Second

// iso is how times are written in the task's log.
const iso = "2006-01-02T15:04:05.000Z"

// complete fills in what the payload may leave out.
func (e *entry) complete(d task.Definition) error {
	if e.Name == "" {
		e.Name = filepath.ToSlash(e.Path)
	}
	if e.Expires.IsZero() {
		e.Expires = d.Expires
	}

	switch {
	case e.Expires.Before(d.Deadline.Add(-slack)):
		return task.Malformed("artifact %s: expires %s is before the task's deadline %s", e.Name, e.Expires.UTC().Format(iso), d.Deadline.UTC().Format(iso))
	case e.Expires.After(d.Expires.Add(slack)):
		return task.Malformed("artifact %s: expires %s is after the task's own %s", e.Name, e.Expires.UTC().Format(iso), d.Expires.UTC().Format(iso))
	case e.Expires.After(d.Expires):
		e.Expires = d.Expires // the queue allows no slack
	}
	return nil
}

type hooks struct {
	plugin  *Plugin
	run     *task.Run
	entries []entry
}

// Stopped uploads whatever of the wanted files there is, also of a task that failed.
func (h *hooks) Stopped(ctx context.Context, result engines.Result) error {
	if result == nil {
		return nil
	}
	found, err := h.find(ctx, result)
	if err != nil {
		return err
	}
	return h.upload(ctx, h.permitted(found))
}
