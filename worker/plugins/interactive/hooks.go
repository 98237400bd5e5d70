package interactive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

var errGone = errors.New("the task has ended")

// hooks is one run's shells.
type hooks struct {
	config Config
	run    *task.Run
	cancel context.CancelCauseFunc // nil when nothing was begun
	done   chan struct{}           // closed when nothing is served any more
}

// Started implements plugins.Starter. That nothing can be served is no reason for a task to fail.
func (h *hooks) Started(ctx context.Context, s engines.Sandbox) error {
	sheller, ok := s.(engines.Sheller)
	if !ok {
		return fmt.Errorf("features.interactive: %w", engines.ErrNotSupported)
	}
	ctx, h.cancel = context.WithCancelCause(context.WithoutCancel(ctx)) // until Stopped or Close
	h.done = make(chan struct{})
	go func() {
		defer close(h.done)
		h.serve(ctx, sheller)
	}()
	return nil
}

// serve lets people in until ctx ends, and returns when the last of them has gone.
func (h *hooks) serve(ctx context.Context, sheller engines.Sheller) {
	s := &server{ctx: ctx, secret: rand.Text(), sheller: sheller, logger: h.run.Logger}
	exposure, err := h.config.Exposer(h.run.Slot).Expose(ctx, s)
	if err != nil {
		if ctx.Err() == nil {
			h.run.Logger.WarnContext(ctx, "interactive: shells cannot be reached", "error", err)
		}
		return
	}
	for ctx.Err() == nil {
		var moved <-chan struct{} // nil: never
		if mover, moves := exposure.(expose.Mover); moves {
			moved = mover.Moved()
		}
		h.publish(ctx, exposure.URL()+"/shell/"+s.secret)
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
	if err := exposure.Close(); err != nil {
		h.run.Logger.WarnContext(ctx, "interactive: not closed cleanly", "error", err)
	}
}

// publish makes the artifacts, or changes where they lead. The address is a secret of those who may read them.
func (h *hooks) publish(ctx context.Context, address string) {
	run := url.Values{"taskId": {h.run.TaskID}, "runId": {strconv.FormatInt(h.run.RunID, 10)}}
	theirs := url.Values{"v": {"2"}, "socketUrl": {socketURL(address)}}
	for _, link := range []struct{ name, url string }{
		{task.ShellName, strings.TrimRight(h.config.RootURL, "/") + "/shell/?" + theirs.Encode() + "&" + run.Encode()},
		{task.TerminalName, address + "/?" + run.Encode()},
	} {
		artifact := tc.Artifact{
			StorageType: "reference", ContentType: "text/html; charset=utf-8", URL: link.url, Expires: h.run.LiveUntil(h.config.Now()),
		}
		if _, err := h.run.Queue.CreateArtifact(ctx, link.name, artifact); err != nil && ctx.Err() == nil {
			h.run.Logger.WarnContext(ctx, "interactive: cannot make the artifact that leads to the shells", "name", link.name, "error", err)
		}
	}
}

// socketURL is where the websocket is: http becomes ws, and https wss.
func socketURL(address string) string { return "ws" + strings.TrimPrefix(address, "http") }

// Stopped implements plugins.Stopper.
func (h *hooks) Stopped(context.Context, engines.Result) error {
	h.end()
	return nil
}

// Close implements plugins.Closer.
func (h *hooks) Close(context.Context) error {
	h.end()
	return nil
}

// end tells everybody that the task has ended, and waits until nobody is left.
func (h *hooks) end() {
	if h.cancel == nil {
		return
	}
	h.cancel(errGone)
	<-h.done
}

var (
	_ plugins.Starter = (*hooks)(nil)
	_ plugins.Stopper = (*hooks)(nil)
	_ plugins.Closer  = (*hooks)(nil)
)
