package taskrun

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// hook is a plugin's part of this run.
type hook struct {
	name  string
	hooks plugins.Hooks
}

// firstError keeps the first error that it is given.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) set(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// body is the life of a run between its claim and its resolution; read it beside the drawing
// in package plugins. ctx ends when the worker gives up on the run.
func (r *Runner) body(ctx context.Context) {
	r.enter(preparing, r.abort)
	log := r.run.Log
	log.Info("%s", r.deps.Header)
	log.Info("Task ID: %s", r.claim.TaskID)
	log.Info("=== Task Starting ===")
	r.first.set(r.validate())
	r.first.set(r.makeHooks())
	result := r.commands(ctx)
	if by, _ := r.leaving(); !by.IsZero() {
		r.finish(ctx, reportTime)
		r.stopped(ctx, reportTime, result)
		return
	}
	r.stopped(ctx, reportTime+logTime, result)
	r.finish(ctx, reportTime)
}

// makeHooks asks each plugin for its part, also when the payload is not valid: the log has to
// be uploaded all the same.
func (r *Runner) makeHooks() error {
	var first error
	for _, p := range r.deps.Plugins {
		var made plugins.Hooks
		err := r.guard(p.Name(), func() (err error) {
			made, err = p.New(r.run)
			return err
		})
		if err != nil && first == nil {
			first = err
		}
		if err == nil && made != nil {
			r.hooks = append(r.hooks, hook{p.Name(), made})
		}
	}
	return first
}

// together calls fn for all hooks at the same time, gives each error to failed, and waits.
func (r *Runner) together(failed func(error), fn func(hook) error) {
	var wg sync.WaitGroup
	for _, h := range r.hooks {
		wg.Go(func() { failed(r.guard(h.name, func() error { return fn(h) })) })
	}
	wg.Wait()
}

// guard calls the engine or a plugin, and turns an ability that is missing into what the task's
// author can act on.
func (r *Runner) guard(name string, fn func() error) error {
	defer r.state.calling(name)()
	err := r.protect(name, fn)
	if errors.Is(err, engines.ErrNotSupported) {
		return task.Malformed("%s: the engine %s does not offer this: %w", name, r.kind.Engine.Name(), err)
	}
	return err
}

// protect turns a panic into an internal error of this run.
func (r *Runner) protect(name string, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.logger.Error("panic", "in", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = task.Internal("%s failed; the worker's log has the details", name)
		}
	}()
	return fn()
}

func reversed(hooks []hook) []hook {
	all := slices.Clone(hooks)
	slices.Reverse(all)
	return all
}
