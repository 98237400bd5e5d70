package container

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/worker/task"
)

// pulse is a question to the engine that stays open while a container runs: it shows that the engine
// lives. An engine that comes back later has lost the container's output.
type pulse struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed when err is final
	err    error         // nil when the engine has answered

	watched  chan struct{} // closed when these are final
	told     bool          // somebody has told the container to end
	watchErr error
}

// newPulse asks about a container that was started. stop must be called.
func (e *Engine) newPulse(id string) *pulse {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pulse{cancel: cancel, ended: make(chan struct{}), watched: make(chan struct{})}
	ask, watch := e.askEnd, e.watchEvents
	if e.config.Docker.Podman {
		ask, watch = e.askEvents, untroubled
	}
	go func() { // stop waits for it
		defer close(p.ended)
		p.err = ask(ctx, id)
	}()
	go func() { // stop waits for it
		defer close(p.watched)
		p.told, p.watchErr = watch(ctx, id)
	}()
	return p
}

// stop takes the question back.
func (p *pulse) stop() {
	p.cancel()
	<-p.ended
	<-p.watched
}

// askEnd is answered when the container has ended.
func (e *Engine) askEnd(ctx context.Context, id string) error {
	wait := e.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		return err //nolint:wrapcheck // by silent
	}
}

// askEvents is for Podman, which looks for the end of a container without a pause while somebody waits for
// it: that took most of the time that its output had. The events themselves do not matter. A Podman that
// keeps none answers at once.
func (e *Engine) askEvents(ctx context.Context, id string) error {
	said := e.api.Events(ctx, client.EventsListOptions{Filters: make(client.Filters).Add("container", id)})
	for {
		select {
		case <-said.Messages:
		case err := <-said.Err:
			if errors.Is(err, io.EOF) || !docker.Gone(err) {
				return nil
			}
			return err //nolint:wrapcheck // by silent
		}
	}
}

// watchEvents finds out whether somebody has told a container to end, until it has. Docker does so itself before
// it ends, and what the command then makes of it is not the task's doing. One that has started again does
// not know what it told before.
func (e *Engine) watchEvents(ctx context.Context, id string) (told bool, err error) {
	said := e.api.Events(ctx, client.EventsListOptions{
		Since:   "1", // those too that were before this is heard
		Filters: make(client.Filters).Add("container", id).Add("event", string(events.ActionKill), string(events.ActionDie)),
	})
	for {
		select {
		case m := <-said.Messages:
			if m.Action == events.ActionDie {
				return told, nil
			}
			told = true
		case err := <-said.Err:
			return told, err //nolint:wrapcheck // by untold
		}
	}
}

// untroubled is for Podman, whose containers go on without it.
func untroubled(context.Context, string) (bool, error) { return false, nil }

var errUnknown = errors.New("it does not know any more how the container ended")

// untold is an error when somebody else than this worker has told a container to end that has ended.
func (p *pulse) untold(logger *slog.Logger) error {
	const patience = 10 * time.Second // with an engine that has told the end otherwise
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-p.watched:
	case <-late.C: // it would, if it had been there: it was asked when it had started again
		return lostEngine(errUnknown)
	}
	switch {
	case p.told:
		return endedByOthers()
	case docker.Gone(p.watchErr), errors.Is(p.watchErr, io.EOF):
		return lostEngine(p.watchErr)
	case p.watchErr != nil:
		logger.Warn("container: the engine does not say who has ended the container", "error", p.watchErr)
	}
	return nil
}

// advice is for those whose task has ended with its engine.
const advice = "Let the worker finish its tasks before Docker or Podman is stopped or restarted"

// lostEngine says how a task ends whose engine did not see its end.
func lostEngine(err error) error {
	return task.Internal("the container engine of this worker has gone away while the task ran: %w. %s; if nobody did, the engine's log (journalctl -u docker, or -u podman) says why it ended", err, advice)
}

// endedByOthers says how a task ends whose container was told to end.
func endedByOthers() error {
	return task.Internal("the container was told to end by somebody else than this worker: by Docker, which was stopped or restarted, or by docker stop or docker kill. %s, and cancel a task in Taskcluster", advice)
}
