package mounts

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/internal/dircache"
	"github.com/workerkit/workerkit/internal/rmtree"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// together is how many mounts of a task are prepared at the same time at most.
const together = 16

// hooks is the mounts of one run.
type hooks struct {
	plugin  *Plugin
	run     *task.Run
	mounts  []*mount
	staging string // where what is given to the engine is made
	purge   func()

	mu      sync.Mutex // of taken
	taken   []*taken
	built   bool // all is mounted, and the commands may have been started
	stopped bool // the engine has freed what the run held, or does before Finish
	spoilt  bool // the caches may not be used any more
}

// taken is a cache that the run has.
type taken struct {
	*dircache.Cache
	mount *mount
	ready bool // has its content
	torn  bool // the engine failed to mount it, and may have done half of it
}

func newHooks(p *Plugin, run *task.Run, mounts []*mount) *hooks {
	return &hooks{plugin: p, run: run, mounts: mounts, staging: filepath.Join(run.Own, "mounts")}
}

// Prepare implements plugins.Preparer.
func (h *hooks) Prepare(ctx context.Context) error {
	if err := h.permitted(ctx); err != nil {
		return err
	}
	if err := ownFolder(h.staging); err != nil {
		return task.Internal("mounts: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(together)
	h.purge = sync.OnceFunc(func() { h.plugin.purge(ctx, h.run.Log.Warn) })
	for i, m := range h.mounts {
		group.Go(func() error {
			err := h.stage(ctx, m, filepath.Join(h.staging, strconv.Itoa(i)))
			if err != nil && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return named(m, err)
		})
	}
	return group.Wait() //nolint:wrapcheck // the error of a mount, which names it
}

// named is an error of a mount, which fails the task unless the error says what else it does.
func named(m *mount, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", m.name, err)
	if _, ok := errors.AsType[*task.Error](err); ok || errors.Is(err, engines.ErrNotSupported) {
		return err
	}
	return task.Failure("%w", err)
}

// permitted tells whether the task has the scopes of its caches.
func (h *hooks) permitted(ctx context.Context) error {
	var needed []string
	for _, m := range h.mounts {
		if m.isCache() {
			needed = append(needed, "generic-worker:cache:"+m.cache())
		}
	}
	if needed == nil {
		return nil
	}
	return h.run.Require(ctx, h.plugin.config.Scopes, "mounts", needed) //nolint:wrapcheck // for the task's author
}

// Build implements plugins.Builder.
func (h *hooks) Build(ctx context.Context, b engines.Builder) error {
	mounter, ok := b.(engines.Mounter)
	if !ok {
		return engines.ErrNotSupported
	}
	for i, m := range h.mounts {
		err := h.mount(ctx, mounter, m, filepath.Join(h.staging, strconv.Itoa(i)))
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return named(m, err)
		}
	}
	h.built = true
	return nil
}

func (h *hooks) mount(ctx context.Context, mounter engines.Mounter, m *mount, staged string) error {
	c := h.cache(m)
	if c == nil {
		if err := mounter.Mount(ctx, engines.Mount{Source: staged, Target: m.target(), Given: true}); err != nil {
			return err
		}
		h.say("Successfully mounted %s '%s'", m.kind(), m.place)
		return nil
	}
	if !c.New {
		h.say("Moving existing writable directory cache %s from %s to %s", m.cache(), c.Dir, m.place)
	}
	if err := mounter.Mount(ctx, engines.Mount{Source: c.Dir, Target: m.target()}); err != nil {
		_, refused := errors.AsType[*task.Error](err) // before anything was done
		c.torn = !refused
		return err
	}
	h.say("Successfully mounted writable directory cache '%s'", m.place)
	return nil
}

// cache is what the run has for a mount; nil is that the mount is no cache.
func (h *hooks) cache(m *mount) *taken {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.IndexFunc(h.taken, func(t *taken) bool { return t.mount == m }); i >= 0 {
		return h.taken[i]
	}
	return nil
}

// say writes a line to the task's log.
func (h *hooks) say(format string, args ...any) { h.run.Log.Info("[mounts] "+format, args...) }

// Stopped implements plugins.Stopper. It decides about the caches while there is a log to say it
// in. Those of a task that no command of was started are as they were.
func (h *hooks) Stopped(_ context.Context, result engines.Result) error {
	h.stopped = true
	if len(h.taken) == 0 || !h.built {
		return nil
	}
	why := h.spoiling(result)
	if h.spoilt = why != ""; h.spoilt {
		h.say("Purging caches since %s", why)
		return nil
	}
	for _, c := range h.taken {
		h.say("Preserving cache: Moving %q to %q", c.mount.place, c.Dir)
	}
	return nil
}

// spoiling tells why no task may have the caches after this one; "" is that it may.
func (h *hooks) spoiling(result engines.Result) string {
	if result == nil {
		return "it is not known what became of them"
	}
	var own struct {
		OnExitStatus struct {
			PurgeCaches []int `json:"purgeCaches"`
		} `json:"onExitStatus"`
	}
	status := result.Status()
	err := h.run.Decode(&own)
	switch {
	case status.Aborted:
		return "the task was aborted and may have left them in an inconsistent state"
	case err != nil || slices.Contains(own.OnExitStatus.PurgeCaches, status.ExitCode):
		return fmt.Sprintf("the task's exit code %d is in payload.onExitStatus.purgeCaches", status.ExitCode)
	}
	return ""
}

// Finish implements plugins.Finisher. The caches are given back before the run is resolved, so
// that the next task finds them. When the log goes first, as the machine goes away, the engine
// still has them: then Close does it.
func (h *hooks) Finish(context.Context) error {
	if h.stopped {
		h.giveBack()
	}
	return nil
}

// Close implements plugins.Closer.
func (h *hooks) Close(context.Context) error {
	h.giveBack()
	return rmtree.Remove(h.staging) //nolint:wrapcheck // names it
}

// giveBack gives the caches back. The engine has freed them: what the task wrote is there.
func (h *hooks) giveBack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.taken {
		end := c.Release
		if h.spoilt || c.torn || !c.ready {
			end = c.Discard
		}
		if err := end(); err != nil {
			h.run.Logger.Warn("mounts: a cache is lost", "cache", c.Name, "error", err)
		}
	}
	h.taken = nil
}

var (
	_ plugins.Preparer = (*hooks)(nil)
	_ plugins.Builder  = (*hooks)(nil)
	_ plugins.Stopper  = (*hooks)(nil)
	_ plugins.Finisher = (*hooks)(nil)
	_ plugins.Closer   = (*hooks)(nil)
)
