package livelog

import (
	"context"
	"errors"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	contentType = "text/plain; charset=utf-8"
	// patience is how long the end of a task waits for the reference to be made.
	patience = 10 * time.Second
)

// hooks is one run's live log.
type hooks struct {
	plugin    *Plugin
	run       *task.Run
	stream    *stream // nil when nothing is served
	cancel    context.CancelFunc
	published chan struct{} // closed when the reference has been made, or could not be
}

var errGone = errors.New("the task has ended")

// Prepare begins to serve the log and has the reference made beside whatever comes next.
func (h *hooks) Prepare(ctx context.Context) error {
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx)) // until Finish or Close
	stream, url, err := h.plugin.server.add(ctx, h.run.Log)
	if err != nil {
		h.run.Logger.WarnContext(ctx, "livelog: cannot serve the log", "error", err)
		close(h.published)
		return nil
	}
	h.stream = stream
	go func() {
		defer close(h.published)
		h.publish(ctx, url)
	}()
	return nil
}

func (h *hooks) publish(ctx context.Context, url string) {
	reference := tc.Artifact{StorageType: "reference", ContentType: contentType, URL: url, Expires: expires(h.run, h.plugin.config.Now())}
	if _, err := h.run.Queue.CreateArtifact(ctx, h.run.LogNames().Live, reference); err != nil {
		h.run.Logger.WarnContext(ctx, "livelog: cannot make the reference artifact", "error", err)
	}
}

// Finish replaces the reference by a link to the complete log, which is uploaded at the same time.
func (h *hooks) Finish(ctx context.Context) error {
	if h.cancel == nil {
		return nil // nothing was prepared, so there is no reference
	}
	h.await(ctx)
	if !h.run.Feature("backingLog", true) {
		return nil
	}
	names := h.run.LogNames()
	link := tc.Artifact{StorageType: "link", ContentType: contentType, Artifact: names.Backing, Expires: h.run.Definition.Expires}
	if _, err := h.run.Queue.CreateArtifact(ctx, names.Live, link); err != nil && ctx.Err() == nil {
		h.run.Logger.WarnContext(ctx, "livelog: cannot link to the complete log", "error", err)
	}
	return nil
}

// await waits for the reference, so that it cannot come after the link; a queue that takes
// too long over it is no longer asked.
func (h *hooks) await(ctx context.Context) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-h.published:
		return
	case <-timer.C:
	case <-ctx.Done():
	}
	h.cancel()
	<-h.published
}

// Close ends what viewers still read. Those who kept up have had the whole log.
func (h *hooks) Close(context.Context) error {
	if h.cancel == nil {
		return nil
	}
	h.cancel()
	<-h.published
	if h.stream != nil {
		h.plugin.server.remove(h.stream)
	}
	return nil
}
