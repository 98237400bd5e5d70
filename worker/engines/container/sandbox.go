package container

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// sandbox is a container that was started.
type sandbox struct {
	*builder
	conn   client.HijackedResponse
	begin  time.Time
	pulse  *pulse        // since it was started
	copied chan error    // gets the error of the log when the output has ended
	over   chan struct{} // closed when the container has ended
	shells shells

	mu        sync.Mutex
	meter     *meter // nil before the container is known to run, and where this machine cannot see it
	settled   bool   // it is known how the container has ended
	abandoned bool   // before that Kill has given up

	once    sync.Once
	aborted chan struct{} // closed by the first Kill when it begins

	done   chan struct{} // closed when the rest is final
	files  *files
	status engines.Status
	err    error
}

func newSandbox(b *builder) *sandbox {
	return &sandbox{builder: b, begin: time.Now(), over: make(chan struct{}), aborted: make(chan struct{}), done: make(chan struct{})}
}

// listen passes on the output, until the connection ends.
func (s *sandbox) listen(conn client.HijackedResponse) {
	way := raw
	if s.spec.Pipe {
		way = split
	}
	s.conn, s.copied = conn, make(chan error, 1)
	go func() { s.copied <- way(s.run.Log, conn.Reader) }() // of a container that did not start: hangUp waits; else follow
}

// hangUp ends the connection to a container that did not start: it has printed nothing.
func (s *sandbox) hangUp() {
	if s.copied != nil {
		s.conn.Close()
		<-s.copied //nolint:errcheck // there was nothing to copy
	}
}

// failed is the end of a container whose command could not be started.
func (s *sandbox) failed(code int, err error) {
	s.run.Log.Error("System error executing command: %s: %v", quoted(s.line[:1]), err)
	s.files = newFiles(s.builder, container.InspectResponse{})
	s.status = engines.Status{ExitCode: code, Reason: fmt.Sprintf("%s could not be started (exit status %d)", quoted(s.line[:1]), code)}
	s.shells.end()
	s.closeProxies()
	close(s.done)
}

// follow waits for the end of the container.
func (s *sandbox) follow() {
	defer close(s.done)
	ctx := context.Background()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(ctx)
	}()
	logErr := s.output()
	found, err := s.ended(ctx)
	if err == nil && !s.wasAborted() {
		if told := s.pulse.untold(s.run.Logger); told != nil && !s.wasAborted() {
			err = told
		}
	}
	s.pulse.stop()
	if err != nil {
		s.endAlone()
	}
	s.conn.Close()
	wall := time.Since(s.begin)
	close(s.over)
	<-watched
	s.shells.end()
	s.closeProxies()
	switch {
	case err != nil:
		s.err = explain(err)
	case logErr != nil && !s.wasAborted():
		s.err = task.Internal("the task's output could not be stored: %w", logErr)
	default:
		s.files = newFiles(s.builder, found)
		s.status = s.footer(found.State, wall)
	}
	s.status.Duration = wall
	if abandoned := s.settle(); abandoned || s.err != nil { // there will be no result to dispose of
		s.err = errors.Join(s.err, s.free(ctx))
	}
}

// output waits for the end of the output, which ends with the container, but for one that has closed it,
// or with the engine.
func (s *sandbox) output() error {
	select {
	case err := <-s.copied:
		return err
	case <-s.pulse.ended:
	}
	if s.silent() != nil {
		s.conn.Close()
	}
	return <-s.copied
}

// endAlone ends the container without the engine, which cannot, where it is on this machine: it is not to
// go on writing to what others have next.
func (s *sandbox) endAlone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.meter != nil {
		s.meter.kill()
	}
}

// watch has a meter follow the container's control groups, until it ends.
func (s *sandbox) watch(ctx context.Context) {
	found, err := s.engine.api.ContainerInspect(ctx, s.id, client.ContainerInspectOptions{})
	if err != nil || found.Container.State == nil || found.Container.State.Pid == 0 {
		return // it has ended already
	}
	m := newMeter(found.Container.State.Pid, s.id)
	if m == nil {
		return
	}
	s.mu.Lock()
	s.meter = m
	s.mu.Unlock()
	m.follow(s.over)
}

// closeProxies ends the proxies: nobody else is to reach them.
func (s *sandbox) closeProxies() {
	for _, p := range s.proxies {
		p.close()
	}
}

const (
	soon   = 5 * time.Millisecond // between questions whether a container has ended whose output has
	asked  = 20                   // so often, before they are rare
	rarely = 250 * time.Millisecond
)

// ended waits for the end of a container whose output has ended. Podman does not tell it: it is asked.
func (s *sandbox) ended(ctx context.Context) (container.InspectResponse, error) {
	tick := time.NewTicker(soon)
	defer tick.Stop()
	for i := 0; ; i++ {
		switch {
		case !s.engine.config.Docker.Podman:
			<-s.pulse.ended
		case i == asked:
			tick.Reset(rarely)
		}
		if err := s.silent(); err != nil {
			return container.InspectResponse{}, err
		}
		found, err := s.engine.api.ContainerInspect(ctx, s.id, client.ContainerInspectOptions{})
		if docker.Gone(err) {
			return found.Container, lostEngine(err)
		}
		if err != nil {
			return found.Container, fmt.Errorf("container: ask how the container ended: %w", lost(err))
		}
		if state := found.Container.State; state == nil || !state.Running && state.Status != container.StateRemoving {
			return found.Container, nil
		}
		<-tick.C
	}
}

// silent is the error of a pulse that has ended before the container.
func (s *sandbox) silent() error {
	select {
	case <-s.pulse.ended:
		if err := s.pulse.err; err != nil && !errdefs.IsNotFound(err) { // else it is asked how it ended
			return lostEngine(err)
		}
	default:
	}
	return nil
}

// lost explains an error in mid-task: that a container is not there any more is the doing of
// somebody else on the machine.
func lost(err error) error {
	if errdefs.IsNotFound(err) {
		return task.Internal("somebody has removed the container: %w. Leave it to the worker to remove what it made", err)
	}
	return err
}

func (s *sandbox) wasAborted() bool {
	select {
	case <-s.aborted:
		return true
	default:
		return false
	}
}

// Wait implements engines.Sandbox.
func (s *sandbox) Wait(ctx context.Context) (engines.Result, error) {
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s.err != nil {
		return nil, s.err
	}
	return &result{builder: s.builder, status: s.status, files: s.files}, nil
}

// obedience is how long an engine may take to send a signal by force, before it is done without it.
const obedience = 10 * time.Second

// Kill implements engines.Sandbox. Only the first process can be asked: the others end with it. An engine
// that does not answer is not waited for.
func (s *sandbox) Kill(ctx context.Context, grace time.Duration) error {
	select {
	case <-s.done:
		return nil
	default:
	}
	s.once.Do(func() { close(s.aborted) })
	if grace > 0 && s.obeyed(ctx, grace) {
		return nil
	}
	err := s.within(ctx, obedience, "SIGKILL")
	if err != nil {
		s.endAlone()
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	s.closeProxies()
	if s.abandon() {
		return errors.Join(context.Cause(ctx), err)
	}
	<-s.done
	return nil
}

// obeyed asks the container to end, and tells whether it has by the end of the grace.
func (s *sandbox) obeyed(ctx context.Context, grace time.Duration) bool {
	ctx, done := context.WithTimeout(ctx, grace)
	defer done()
	if err := s.within(ctx, grace, "SIGTERM"); err != nil {
		s.run.Logger.Warn("container: the container could not be asked to end", "error", err)
	}
	select {
	case <-s.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// within sends a signal, which may take so long.
func (s *sandbox) within(ctx context.Context, most time.Duration, name string) error {
	ctx, done := context.WithTimeout(ctx, most)
	defer done()
	return s.signal(ctx, name)
}

// abandon leaves it to follow to free everything, when the container has ended at last. It is false when
// that is known already.
func (s *sandbox) abandon() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandoned = !s.settled
	return s.abandoned
}

// settle says that it is known how the container has ended, and whether somebody wants to know.
func (s *sandbox) settle() (abandoned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = true
	return s.abandoned
}

// signal sends a signal to the first process. That it has ended is no error, however the engine says it.
func (s *sandbox) signal(ctx context.Context, name string) error {
	_, err := s.engine.api.ContainerKill(ctx, s.id, client.ContainerKillOptions{Signal: name})
	switch {
	case err == nil, errdefs.IsConflict(err), errdefs.IsNotFound(err), docker.Passing(err):
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	found, look := s.engine.api.ContainerInspect(ctx, s.id, client.ContainerInspectOptions{})
	if state := found.Container.State; look == nil && state != nil && !state.Running {
		return nil
	}
	return fmt.Errorf("container: end the container: %w", explain(err))
}

var (
	_ engines.Sandbox = (*sandbox)(nil)
	_ engines.Sheller = (*sandbox)(nil)
	_ engines.Meter   = (*sandbox)(nil)
)
