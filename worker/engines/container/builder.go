package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/task"
)

// builder collects what a container is made of.
type builder struct {
	engine  *Engine
	run     *task.Run
	spec    Spec
	name    string
	image   images.Image
	workdir string   // absolute
	line    []string // that runs, the image's entry point included
	net     *network
	env     map[string]string
	mounts  []mounted
	proxies []*proxy
	id      string // of the container; "" before there is one

	freed sync.Once
}

// Setenv implements engines.Builder. TASK_WORKDIR is not set: the task directory is not in the container.
func (b *builder) Setenv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
		return task.Malformed("environment variable %q cannot be set: a name has no '=', and neither has a NUL character", name)
	}
	if name != "TASK_WORKDIR" || value != b.run.Dir {
		b.env[name] = value
	}
	return nil
}

// variables are the entries of the environment.
func (b *builder) variables() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(b.env)) {
		all = append(all, name+"="+b.env[name])
	}
	return all
}

// Image implements engines.Imager.
func (b *builder) Image() (id, artifact string) {
	if b.image.ArtifactSHA256 != "" {
		artifact = "sha256:" + b.image.ArtifactSHA256
	}
	return b.image.ID, artifact
}

// Discard implements engines.Builder.
func (b *builder) Discard(ctx context.Context) error { return b.free(ctx) }

// removeTime bounds the removal of what a run had, which may be much, and its making.
const removeTime = 2 * time.Minute

// free frees everything, once. Nothing of the run goes on then: what it has in the engine of containers
// is removed beside what comes next, which the worker's end waits for.
func (b *builder) free(ctx context.Context) (err error) {
	b.freed.Do(func() {
		for _, p := range b.proxies {
			p.close()
		}
		for _, m := range b.mounts {
			if m.Given {
				err = errors.Join(err, os.RemoveAll(m.Source))
			}
		}
		if err != nil {
			err = fmt.Errorf("container: remove what the task had: %w", err)
		}
		if b.id == "" {
			b.giveBack()
			return
		}
		b.engine.cleaning.Go(func() {
			ctx, done := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
			defer done()
			b.removeContainer(ctx)
			b.giveBack()
		})
	})
	return err
}

// removeContainer removes the container. While it is there nobody else gets its network.
func (b *builder) removeContainer(ctx context.Context) {
	err := b.engine.remove(ctx, leftover{b.id, b.engine.config.Docker.RemoveContainer})
	if err == nil {
		return
	}
	b.run.Logger.Warn("container: the task's container is still there", "error", explain(err))
	if b.net != nil {
		b.engine.later(leftover{b.net.id, b.engine.config.Docker.RemoveNetwork})
		b.net = nil
	}
}

// giveBack gives back what others may have next.
func (b *builder) giveBack() {
	if b.net != nil {
		b.engine.giveNetwork(b.net)
	}
	if b.image.Release != nil {
		b.image.Release()
	}
}

// Start implements engines.Builder.
func (b *builder) Start(ctx context.Context) (engines.Sandbox, error) {
	s, err := b.start(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		b.withdraw(ctx)
		return nil, errors.Join(explain(err), b.free(ctx))
	}
	return s, nil
}

// withdraw ends what may go on though the start has failed: an engine may start a container though the request
// was cancelled, and what it would write to is others' next. One that does not answer is not waited for.
func (b *builder) withdraw(ctx context.Context) {
	for _, p := range b.proxies {
		p.close()
	}
	if b.id == "" {
		return
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), obedience)
	defer done()
	if b.engine.config.Docker.RemoveContainer(ctx, b.id) == nil { // else free tries again
		b.id = ""
	}
}

// start makes the container, listens to it, and starts it. Its output is attached to before it can
// print anything.
func (b *builder) start(ctx context.Context) (*sandbox, error) {
	options, err := b.options()
	if err != nil {
		return nil, err
	}
	whole, done := making(ctx)
	defer done()
	made, err := b.engine.api.ContainerCreate(whole, options)
	if err != nil {
		return nil, b.refused(err)
	}
	b.id = made.ID
	for _, warning := range made.Warnings {
		b.run.Logger.Warn("container: the engine warns", "warning", warning)
	}
	attached, attachErr := b.engine.api.ContainerAttach(ctx, b.id, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if attachErr != nil && (!b.engine.config.Docker.Podman || ctx.Err() != nil) { // Podman finds out here what Docker does below, and does not say it
		return nil, fmt.Errorf("container: attach: %w", attachErr)
	}
	s := newSandbox(b)
	if attachErr == nil {
		s.listen(attached.HijackedResponse)
	}
	b.run.Log.Info("Executing command 0: %s", quoted(b.line))
	_, err = b.engine.api.ContainerStart(ctx, b.id, client.ContainerStartOptions{})
	if err == nil && attachErr == nil {
		s.pulse = b.engine.newPulse(b.id) //nolint:contextcheck // ctx bounds the start alone
		go s.follow()                     //nolint:contextcheck // see above
		return s, nil
	}
	s.hangUp()
	if err == nil {
		return nil, fmt.Errorf("container: attach: %w", attachErr)
	}
	if code, ours := notStarted(err); ours && !docker.Gone(err) && ctx.Err() == nil {
		s.failed(code, err)
		return s, nil
	}
	return nil, fmt.Errorf("container: start: %w", err)
}

// making is for what an engine makes also when the request is cancelled: nobody would know of it.
func making(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), removeTime)
}

// refused says what a container could not be made of.
func (b *builder) refused(err error) error {
	if docker.Missing(err) {
		return task.Internal("the image %s was removed while the task was being prepared: %w. Leave it to the worker to remove images", b.image.Name, err)
	}
	return fmt.Errorf("container: make the container: %w", err)
}

// quoted is a command as one would type it into a shell.
func quoted(words []string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_"
	all := make([]string, len(words))
	for i, word := range words {
		if word == "" || strings.Trim(word, plain) != "" {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		all[i] = word
	}
	return strings.Join(all, " ")
}

var (
	_ engines.Builder = (*builder)(nil)
	_ engines.Mounter = (*builder)(nil)
	_ engines.Proxier = (*builder)(nil)
	_ engines.Prober  = (*builder)(nil)
	_ engines.Imager  = (*builder)(nil)
)
