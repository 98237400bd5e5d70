package livelog

import (
	"context"
	"errors"
	"time"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	contentType = "text/plain; charset=utf-8"
	// patience is how long the end of a task waits for the reference to be made.
	patience = 10 * time.Second
	// brief is how long the log of a task that ends at once may take to become reachable: until then it
	// is worth waiting for.
	brief = 250 * time.Millisecond
	// farewell is how long viewers have for the rest of the log when the task has been resolved. The
	// next task does not wait for them.
	farewell = 5 * time.Second
)

// hooks is one run's live log.
type hooks struct {
	plugin    *Plugin
	run       *task.Run
	stream    *stream // nil: not prepared
	prepared  time.Time
	enough    context.CancelFunc // no further reference is begun
	cancel    context.CancelFunc // ends what is being made
	reached   chan struct{}      // closed when the log can be reached
	published chan struct{}      // closed when no reference is made any more
}

var errGone = errors.New("the task has ended")

// Prepare begins to serve the log and has the reference made beside whatever comes next.
func (h *hooks) Prepare(ctx context.Context) error {
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx)) // until Finish or Close
	wanted, enough := context.WithCancel(ctx)
	h.enough, h.prepared = enough, time.Now()
	h.stream = h.plugin.server.add(h.run.Log)
	go func() {
		defer close(h.published)
		h.publish(ctx, wanted)
	}()
	return nil
}

// publish makes the reference as soon as the log can be reached, and again whenever it is reached
// elsewhere, for as long as that is wanted.
func (h *hooks) publish(ctx, wanted context.Context) {
	exposure, err := h.plugin.server.reach(wanted)
	if err != nil {
		if wanted.Err() == nil {
			h.run.Logger.WarnContext(ctx, "livelog: cannot serve the log", "error", err)
		}
		return
	}
	close(h.reached)
	for {
		var moved <-chan struct{} // nil: never
		if mover, moves := exposure.(expose.Mover); moves {
			moved = mover.Moved()
		}
		h.refer(ctx, exposure.URL()+h.stream.path())
		select {
		case <-moved:
		case <-wanted.Done():
			return
		}
	}
}

func (h *hooks) refer(ctx context.Context, url string) {
	reference := tc.Artifact{StorageType: "reference", ContentType: contentType, URL: url, Expires: h.run.LiveUntil(h.plugin.config.Now())}
	if _, err := h.run.Queue.CreateArtifact(ctx, h.run.LogNames().Live, reference); err != nil {
		h.run.Logger.WarnContext(ctx, "livelog: cannot make the reference artifact", "error", err)
	}
}

// Finish replaces the reference by a link to the complete log, which is uploaded at the same time.
func (h *hooks) Finish(ctx context.Context) error {
	if h.stream == nil {
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
	wait(ctx, time.Until(h.prepared.Add(brief)), h.reached, h.published)
	h.enough()
	wait(ctx, patience, h.published, nil)
	h.cancel()
	<-h.published
}

// wait waits for one of two things, for so long.
func wait(ctx context.Context, atMost time.Duration, one, other <-chan struct{}) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-one:
	case <-other:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Close ends what viewers still read. Those who kept up have had the whole log.
func (h *hooks) Close(ctx context.Context) error {
	if h.stream == nil {
		return nil
	}
	h.cancel()
	<-h.published
	ctx, done := context.WithTimeout(ctx, farewell)
	defer done()
	h.plugin.server.remove(ctx, h.stream)
	return nil
}
