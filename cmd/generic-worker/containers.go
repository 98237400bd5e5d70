package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/disk"
	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/firewall"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/dockerworker"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/container"
	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/mounts"
	"github.com/workerkit/workerkit/worker/taskrun"
)

const (
	// imagesFile is the public worker's, of the images that were loaded from artifacts.
	imagesFile = "d2g-image-cache.json"
	// dockerTime is how long an engine of containers is waited for, which may come up after this worker.
	dockerTime = 3 * time.Minute
	// imagesLeave is the part of requiredDiskSpaceMegabytes that pulls and loads of images leave to tasks.
	imagesLeave = 10
)

// native is how payloads are run that are not docker-worker's; not at all without an engine for them.
func (p parts) native(engine engines.Engine, list []plugins.Plugin) ([]taskrun.Kind, error) {
	if engine == nil {
		return nil, nil
	}
	schema, err := p.merge(engine, list)
	if err != nil {
		return nil, err
	}
	return taskrun.Native(engine, schema), nil
}

// openContainers has runs take payloads of docker-worker, where they are enabled, before all others. The
// returned function is for after the last run. Where it is nil, the program ends with code.
func (p *program) openContainers(made parts, runs *taskrun.Deps) (shut func(), code int, err error) {
	if !p.config.D2GConfig.EnableD2G {
		return func() {}, 0, nil
	}
	found, err := p.awaitDocker()
	switch {
	case errors.Is(err, errLeaving):
		code, err = p.exit(worker.EndDrained)
		return nil, code, err
	case err != nil:
		return nil, exitInvalid, fmt.Errorf("payloads of docker-worker are enabled (d2gConfig.enableD2G), and cannot be run: %w", err)
	}
	if here := strings.HasPrefix(found.Host, "unix:") && !found.Rootless; p.config.Workerkit.BlockMetadata && !here {
		_ = found.Close() // nothing was asked of it
		return nil, exitInvalid, fmt.Errorf("%w: workerkit.blockMetadata cannot be true with the engine of containers at %s: it is rootless or on another machine, and its networks are not this machine's to close; use a Docker or Podman of root here", config.ErrInvalid, found.Host)
	}
	p.logger.Info("tasks run in containers too", "engine", found.Name(), "at", found.Host, "rootless", found.Rootless)
	files, closeFiles, err := p.openDownloads(made, runs.Plugins)
	if err != nil {
		return nil, exitUnreadable, errors.Join(err, found.Close())
	}
	store := images.Open(images.Config{
		API: found.API, Files: files, Artifacts: made.fetcher(), State: imagesFile, Pulls: pulls(), Login: docker.NewLogins(os.Getenv).For,
		Free: func() (uint64, error) { return disk.Free(found.Folder) }, Floor: p.required() / imagesLeave, Logger: p.logger, Now: time.Now,
	})
	shut = func() {
		ctx, done := context.WithTimeout(context.Background(), closeTime)
		defer done()
		if err := errors.Join(store.Close(ctx), closeFiles(ctx), found.Close()); err != nil {
			p.logger.Warn("the container images did not end cleanly", "error", err)
		}
	}
	kind, err := made.dockerWorker(found, store)
	if err != nil {
		shut()
		return nil, exitInternal, err
	}
	runs.Kinds = append([]taskrun.Kind{kind}, runs.Kinds...)
	others := p.collectors
	p.collectors = nil
	p.collect(found.Folder, store)
	p.collectors = append(p.collectors, others...) // images go first, as those of the public worker
	return shut, 0, nil
}

// awaitDocker waits for the engine of containers. The error is errLeaving when this worker was told to end
// meanwhile, which nobody else hears yet.
func (p *program) awaitDocker() (*docker.Engine, error) {
	ctx, leave := context.WithCancelCause(context.Background())
	defer leave(nil)
	var told, gone <-chan struct{}
	if p.runner != nil {
		told, gone = p.runner.told, p.runner.gone
	}
	var listener sync.WaitGroup
	listener.Go(func() {
		select {
		case <-told:
		case <-gone:
		case s := <-p.orders:
			p.firstSignal.Store(&s)
		case <-ctx.Done():
			return
		}
		leave(errLeaving)
	})
	found, err := docker.Await(ctx, "", dockerTime, func(why error) {
		p.logger.Warn("waiting for an engine of containers", "atMost", dockerTime, "reason", why)
	})
	leave(nil)
	listener.Wait()
	if err == nil && errors.Is(context.Cause(ctx), errLeaving) {
		return nil, errors.Join(errLeaving, found.Close())
	}
	return found, err //nolint:wrapcheck // says what is wrong
}

// pulls is how often a registry is asked that does not answer, as docker-worker did: for a quarter of a
// minute and what the attempts take.
func pulls() retry.Policy {
	return retry.Policy{Initial: time.Second, Factor: 2, Attempts: 5}
}

// dockerWorker is how payloads of docker-worker are run.
func (p parts) dockerWorker(found *docker.Engine, store *images.Store) (taskrun.Kind, error) {
	schema, err := dockerworker.Schema()
	if err == nil {
		err = schema.Warm()
	}
	if err != nil {
		return taskrun.Kind{}, err //nolint:wrapcheck // says what is wrong
	}
	c := p.config
	translator := dockerworker.New(dockerworker.Config{Policy: c.D2GConfig, Scopes: p.client, NoMounts: !c.EnableMounts})
	made := container.Config{
		Docker: found, Images: store, Worker: docker.Identity(c.RootURL, c.TaskQueueID(), c.WorkerGroup, c.WorkerID), Limits: p.limits(), ProxyPort: c.TaskclusterProxyPort, Logger: p.logger,
	}
	if c.D2GConfig.AllowGPUs {
		made.GPUs = c.D2GConfig.GPUs
	}
	if c.Workerkit.BlockMetadata {
		made.Metadata = firewall.NewBridges(made.Worker, container.BridgePrefix)
	}
	return taskrun.Kind{
		Name: dockerworker.Name, Engine: container.New(made), Schema: schema,
		Accepts: dockerworker.Accepts, Translate: translator.Translate, Permit: translator.Permit,
	}, nil
}

// openDownloads opens the downloads, unless mounts have them open.
func (p *program) openDownloads(made parts, list []plugins.Plugin) (files *filecache.Cache, shut func(context.Context) error, err error) {
	for _, plugin := range list {
		if m, ok := plugin.(*mounts.Plugin); ok && m.Files() != nil {
			return m.Files(), func(context.Context) error { return nil }, nil
		}
	}
	files, err = filecache.Open(made.downloads())
	if err != nil {
		return nil, nil, fmt.Errorf("the downloadsDir cannot be used: %w", err)
	}
	p.collect(p.config.DownloadsDir, files)
	return files, files.Close, nil
}
