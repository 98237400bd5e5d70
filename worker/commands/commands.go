// Package commands runs a task's commands as processes of this machine, one after the other
// until one fails: what the engines have in common that need no container. As whom the
// processes run, with what limits, and how the files that they leave are opened is the engine's
// to say.
package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Config says how the commands of one run are executed.
type Config struct {
	Engine string // its name, for errors
	Trees  *proc.Trees
	// User is as whom the processes run; nil is as this process.
	User *proc.User
	// Limits are of all processes of the run together.
	Limits proc.Limits
	// Env has entries NAME=value, the commands' environment before anybody adds to it.
	Env []string
	// As calls fn with the rights that the task has to files, and no more; nil calls it as this
	// process.
	As func(fn func() error) error
	// Free is called once when nothing of the run is left: it frees what the engine holds for
	// it. It may be nil.
	Free func(ctx context.Context) error
}

// Payload is the part of the payload that says what to run.
func Payload() payload.Fragment { return commandFragment() }

// NewBuilder begins a run whose payload is valid. Until it succeeds Free is the caller's to call.
func NewBuilder(run *task.Run, c Config) (engines.Builder, error) {
	if c.As == nil {
		c.As = func(fn func() error) error { return fn() }
	}
	c.Free = once(c.Free)
	b := &builder{config: c, run: run, env: map[string]string{}}
	for _, entry := range c.Env {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			b.put(name, value)
		}
	}
	var err error
	b.commands, err = decodeCommands(run)
	return b, err
}

// once calls free, if there is one, the first time that it is called.
func once(free func(context.Context) error) func(context.Context) error {
	var first sync.Once
	return func(ctx context.Context) (err error) {
		if free != nil {
			first.Do(func() { err = free(ctx) })
		}
		return err
	}
}

// builder collects the environment.
type builder struct {
	config   Config
	run      *task.Run
	env      map[string]string // entries NAME=value, by what the system takes for the same name
	commands []command
}

// Setenv implements engines.Builder.
func (b *builder) Setenv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
		return task.Malformed("environment variable %q cannot be set: a name has no '=', and neither has a NUL character", name)
	}
	b.put(name, value)
	return nil
}

func (b *builder) put(name, value string) { b.env[Variable(name)] = name + "=" + value }

// Discard implements engines.Builder.
func (b *builder) Discard(ctx context.Context) error { return b.config.Free(ctx) }

// Start implements engines.Builder.
func (b *builder) Start(ctx context.Context) (engines.Sandbox, error) {
	tree, err := b.config.Trees.Open(proc.Options{Dir: b.run.Dir, Mark: "TASK_WORKDIR=" + b.run.Dir, Limits: b.config.Limits})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", b.config.Engine, err), b.config.Free(ctx))
	}
	b.put("TASK_WORKDIR", b.run.Dir) // by which the tree knows its processes
	env := slices.Sorted(maps.Values(b.env))
	s := &sandbox{config: b.config, run: b.run, tree: tree, env: env, commands: b.commands,
		done: make(chan struct{}), aborted: make(chan struct{}), killed: make(chan struct{})}
	go s.execute() //nolint:contextcheck // ctx bounds the start alone
	return s, nil
}
