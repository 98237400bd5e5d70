// Package artifacts uploads the files that a task leaves, in the order of the payload.
package artifacts

import (
	"context"
	"sync"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// compressing is how many files the worker compresses at the same time, each on all cores: one
// while the other waits for the disk.
const compressing = 2

// Plugin is the feature.
type Plugin struct {
	uploader *artifact.Uploader
	// compress has a place for each file that is being compressed, whichever task it is of; the
	// compressors, which hold some memory, are let go when they have not been used for a while.
	compress    chan struct{}
	compressors sync.Pool
}

// New makes the feature with what uploads.
func New(uploader *artifact.Uploader) *Plugin {
	return &Plugin{
		uploader:    uploader,
		compress:    make(chan struct{}, compressing),
		compressors: sync.Pool{New: func() any { return new(artifact.Compressor) }},
	}
}

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
	h := &hooks{plugin: p, run: run, entries: wanted.Artifacts, certified: run.Certified()}
	if err := h.agree(); err != nil {
		return nil, err
	}
	return h, nil
}

type hooks struct {
	plugin    *Plugin
	run       *task.Run
	entries   []entry
	certified bool // hashes are wanted
	progress  progress
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
