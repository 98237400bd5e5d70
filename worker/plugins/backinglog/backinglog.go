// Package backinglog uploads a run's complete log.
package backinglog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// ContentType is that of logs.
const ContentType = "text/plain; charset=utf-8"

// Plugin is the feature.
type Plugin struct{ uploader *artifact.Uploader }

// New makes the feature with what uploads.
func New(uploader *artifact.Uploader) *Plugin { return &Plugin{uploader} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "backinglog" }

// Payload implements plugins.Plugin. The names of both logs are one property, so one plugin
// has to own it.
func (*Plugin) Payload() payload.Fragment {
	name := func(description, usual string) map[string]any {
		return map[string]any{"type": "string", "minLength": 1, "maxLength": 1024, "description": description, "default": usual}
	}
	return payload.Fragment{
		Properties: map[string]any{"logs": map[string]any{
			"type":                 "object",
			"description":          "Artifact names of the task's log.",
			"additionalProperties": false,
			"properties": map[string]any{
				"live":    name("The log while the task runs, afterwards a link to the complete one.", "public/logs/live.log"),
				"backing": name("The complete log, uploaded when the task has ended.", "public/logs/live_backing.log"),
			},
		}},
		Features: map[string]payload.Feature{
			"backingLog": {Description: "Upload the task's complete log when it has ended.", Default: true},
		},
	}
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	if !run.Feature("backingLog", true) {
		return nil, nil
	}
	return &hooks{p.uploader, run}, nil
}

type hooks struct {
	uploader *artifact.Uploader
	run      *task.Run
}

var _ plugins.Finisher = (*hooks)(nil)

// Finish uploads the log, which has been compressed while it was written: of one that could not be
// stored to its end, what there is. That this is an error the worker knows.
func (h *hooks) Finish(ctx context.Context) error {
	stored, err := h.run.Log.Close()
	if stored.Path == "" {
		return fmt.Errorf("backinglog: %w", err)
	}
	name := h.run.LogNames().Backing
	return task.Uploaded(ctx, name, Upload(ctx, h.uploader, h.run.Queue, h.run.Logger, stored, name, h.run.Definition.Expires))
}

// Upload makes a complete log a run's artifact. Errors are those of the uploader.
func Upload(ctx context.Context, uploader *artifact.Uploader, queue tc.TaskQueue, logger *slog.Logger, stored tasklog.Stored, name string, expires time.Time) error {
	d := data(stored, uploader.Objects == nil)
	d.Name, d.ContentType, d.Expires = name, ContentType, expires
	return uploader.Upload(ctx, queue, logger, d)
}

// data is the log as it is on disk, or decompressed.
func data(stored tasklog.Stored, compressed bool) artifact.Data {
	if compressed {
		return artifact.Data{
			Size: stored.Size, Encoding: artifact.Gzip, Length: stored.CompressedSize,
			Open: func() (io.ReadCloser, error) { return os.Open(stored.Path) },
		}
	}
	return artifact.Data{
		Size: stored.Size, Length: stored.Size,
		Open: func() (io.ReadCloser, error) { return gunzip(stored.Path) },
	}
}

func gunzip(path string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(file)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{z, file}, nil
}
