// Package container runs a task's command in a container, by the Docker Engine API of Docker or
// Podman. No program is run for it and no text of one is read.
//
// Each run has a container of its own, and a network that no other run has at the same time. They have
// labels that name the worker: what a worker left that was killed is removed when one of the same
// identity opens the engine. A container that has ended is removed beside what comes next. Files leave
// the container as a stream; those in a mount are opened where they are, on this machine. A path is
// followed as in the container: no link in it leads to a file of the machine.
//
// The task directory is not in the container: what the worker puts there is mounted, and relative
// paths count from the image's working directory.
//
// A command that a signal ended has the exit code 128 plus the signal's number, as the engines of
// containers tell it and payloads expect it. Everything in a container ends with its first process.
package container

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/task"
)

// Name is the engine's name.
const Name = "container"

// Config says how an engine works.
type Config struct {
	Docker *docker.Engine
	Images images.Images
	// Worker is this worker's docker.Identity.
	Worker string
	Limits proc.Limits // of each task
	// ProxyPort is where a run's proxy listens, at this machine's address in the run's network. 0 is any.
	ProxyPort uint16
	// GPUs are those that tasks have, in the form of docker run --gpus; "" is none.
	GPUs string
	// Metadata keeps the clouds' metadata services closed to bridges whose names begin with
	// BridgePrefix. nil leaves them open.
	Metadata Metadata
	Logger   *slog.Logger
}

// Metadata closes the metadata services to tasks: a *firewall.Bridges.
type Metadata interface {
	Deny(ctx context.Context) error
	Close(ctx context.Context) error
}

// Engine is the engine.
type Engine struct {
	config Config
	api    *client.Client
	mtu    string      // of the engine's usual network, since Open; "" is not known
	ipv6   atomic.Bool // runs have it

	cleaning sync.WaitGroup // removals of what runs had

	mu   sync.Mutex
	left []leftover
	idle []*network // that no run has
}

// New makes the engine. Open is to be called before the first run.
func New(c Config) *Engine {
	return &Engine{config: c, api: c.Docker.API}
}

// Name implements engines.Engine.
func (*Engine) Name() string { return Name }

// Open implements engines.Keeper: it removes what an earlier worker of the same identity left.
func (e *Engine) Open(ctx context.Context) error {
	removed, err := e.config.Docker.Sweep(ctx, e.config.Worker)
	if err != nil {
		return fmt.Errorf("container: remove what an earlier worker left: %w", explain(err))
	}
	if removed > 0 {
		e.config.Logger.Info("container: removed containers that an earlier worker left", "count", removed)
	}
	e.usual(ctx)
	if e.config.Metadata != nil {
		return e.config.Metadata.Deny(ctx) //nolint:wrapcheck // says what is wrong
	}
	return nil
}

// Close implements engines.Keeper: it leaves nothing in the engine of containers.
func (e *Engine) Close(ctx context.Context) error {
	e.cleaning.Wait() // each has its time
	for n := e.idleNetwork(); n != nil; n = e.idleNetwork() {
		e.later(leftover{n.id, e.config.Docker.RemoveNetwork})
	}
	e.removeLeft(ctx)
	if e.config.Metadata == nil {
		return nil
	}
	return e.config.Metadata.Close(ctx) //nolint:wrapcheck // says what is wrong
}

// leftover is a container or network that could not be removed.
type leftover struct {
	id     string
	remove func(ctx context.Context, id string) error
}

// remove removes something; what stays is tried again before each further run. An engine that had gone
// away has what it had, when it is started again.
func (e *Engine) remove(ctx context.Context, what leftover) error {
	err := what.remove(ctx, what.id)
	if err != nil {
		e.later(what)
	}
	return err
}

// later leaves something to the next removeLeft.
func (e *Engine) later(what leftover) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left = append(e.left, what)
}

// removeLeft tries again to remove what was left, in its order: a container before its network.
func (e *Engine) removeLeft(ctx context.Context) {
	e.mu.Lock()
	all := e.left
	e.left = nil
	e.mu.Unlock()
	for _, what := range all {
		if err := e.remove(ctx, what); err != nil {
			e.config.Logger.Warn("container: something that a task had is still there", "id", what.id, "error", err)
		}
	}
}

// NewBuilder implements engines.Engine. The network is found while the image is fetched.
func (e *Engine) NewBuilder(ctx context.Context, run *task.Run) (engines.Builder, error) {
	spec, err := decode(run)
	if err != nil {
		return nil, err
	}
	if e.config.Metadata != nil {
		if err := e.config.Metadata.Deny(ctx); err != nil { // somebody may have changed the rules
			return nil, fmt.Errorf("container: %w", err)
		}
	}
	e.removeLeft(ctx)
	b := &builder{engine: e, run: run, spec: spec, name: name(run), env: map[string]string{}}
	var making sync.WaitGroup
	var networkErr error
	making.Go(func() { b.net, networkErr = e.takeNetwork(ctx) })
	b.image, err = e.config.Images.Ensure(ctx, spec.Image.ref(), run)
	making.Wait()
	if err == nil {
		err = networkErr
	}
	if err == nil {
		err = b.look(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, errors.Join(explain(err), b.free(ctx))
	}
	return b, nil
}

// look asks what the image says of itself, and whether there is something to run.
func (b *builder) look(ctx context.Context) error {
	found, err := b.engine.api.ImageInspect(ctx, b.image.ID)
	if err != nil {
		return fmt.Errorf("container: look at the image %s: %w", b.image.Name, err)
	}
	b.workdir = "/"
	b.line = b.spec.Command
	if c := found.Config; c != nil {
		if strings.HasPrefix(c.WorkingDir, "/") {
			b.workdir = c.WorkingDir
		}
		if len(b.line) == 0 {
			b.line = c.Cmd
		}
		b.line = append(append([]string{}, c.Entrypoint...), b.line...)
	}
	if b.spec.WorkingDirectory != "" {
		b.workdir = b.spec.WorkingDirectory
	}
	if len(b.line) == 0 {
		return task.Malformed("the image %s has no command of its own, and the payload has none: add payload.command", b.image.Name)
	}
	return foreign(found)
}

// foreign tells that an image is for another system.
func foreign(found client.ImageInspectResult) error {
	if os := found.Os; os != "" && os != "linux" {
		return task.Malformed("the image is for %s; this worker runs images for Linux", os)
	}
	return nil
}

// name is that of a run's container: no two runs have the same.
func name(run *task.Run) string {
	const size = 4
	tail := make([]byte, size)
	_, _ = rand.Read(tail) // never fails
	return fmt.Sprintf("workerkit-%s-%d-%s", run.TaskID, run.RunID, hex.EncodeToString(tail))
}

// explain turns an error of the engine of containers into one that says what to do.
func explain(err error) error {
	if _, ours := errors.AsType[*task.Error](err); ours || err == nil {
		return err
	}
	switch {
	case docker.Gone(err):
		return task.Internal("the container engine of this worker has gone away: %w. Its log (journalctl -u docker, or -u podman) says why", err)
	case docker.Full(err):
		return task.Internal("the disk of this worker's container engine is full: %w. A larger disk is needed, or a higher requiredDiskSpaceMegabytes, by which images that are not used are removed in time", err)
	default:
		return err
	}
}

var (
	_ engines.Engine = (*Engine)(nil)
	_ engines.Keeper = (*Engine)(nil)
)
