package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/api/types/container"
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
}

// newPulse asks about a container that was started. stop must be called.
func (e *Engine) newPulse(id string) *pulse {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pulse{cancel: cancel, ended: make(chan struct{})}
	ask := e.askEnd
	if e.config.Docker.Podman {
		ask = e.askEvents
	}
	go func() { // stop waits for it
		defer close(p.ended)
		p.err = ask(ctx, id)
	}()
	return p
}

// stop takes the question back.
func (p *pulse) stop() {
	p.cancel()
	<-p.ended
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

// told asks whether somebody has told a container to end, since it began. Docker does so itself before it
// ends, and what the command then makes of it is not the task's doing. Podman's containers go on.
func (e *Engine) told(ctx context.Context, id string, begin time.Time) (bool, error) {
	if e.config.Docker.Podman {
		return false, nil
	}
	ctx, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	at := func(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
	said := e.api.Events(ctx, client.EventsListOptions{
		Since: at(begin), Until: at(time.Now()), // those that were
		Filters: make(client.Filters).Add("container", id).Add("event", "kill"),
	})
	found := false
	for {
		select {
		case <-said.Messages:
			found = true
		case err := <-said.Err:
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return found, err //nolint:wrapcheck // by the caller
		}
	}
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
