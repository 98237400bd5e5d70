// Package insecure runs a task's commands as the worker's own user. It isolates nothing: a task
// can read what the worker can. It is for machines that run one trusted party's tasks.
package insecure

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Name is the engine's name.
const Name = "insecure"

// Engine is the engine.
type Engine struct {
	trees *proc.Trees
	env   []string // of the worker, without what is not the task's business
}

// New makes the engine. env is the worker's environment, of which the commands get all but
// Taskcluster's and the clouds' variables.
func New(trees *proc.Trees, env []string) *Engine {
	return &Engine{trees: trees, env: slices.DeleteFunc(slices.Clone(env), private)}
}

// private tells whether a variable of the worker may hold credentials or a way to reach its
// supervisor. On a system where names do not differ by case, any spelling is meant.
func private(entry string) bool {
	name, _, _ := strings.Cut(entry, "=")
	name = variable(name)
	for _, prefix := range []string{"TASKCLUSTER_", "AWS_", "GOOGLE_", "AZURE_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "NOTIFY_SOCKET"
}

// Name implements engines.Engine.
func (*Engine) Name() string { return Name }

// Payload implements engines.Engine.
func (*Engine) Payload() payload.Fragment { return commandFragment() }

// NewBuilder implements engines.Engine.
func (e *Engine) NewBuilder(_ context.Context, run *task.Run) (engines.Builder, error) {
	b := &builder{engine: e, run: run, env: map[string]string{}}
	for _, entry := range e.env {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			b.put(name, value)
		}
	}
	var err error
	b.commands, err = decodeCommands(run)
	return b, err
}

// builder collects the environment.
type builder struct {
	engine   *Engine
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

func (b *builder) put(name, value string) { b.env[variable(name)] = name + "=" + value }

// Discard implements engines.Builder.
func (*builder) Discard(context.Context) error { return nil }

// Start implements engines.Builder.
func (b *builder) Start(context.Context) (engines.Sandbox, error) {
	tree, err := b.engine.trees.Open(b.run.Dir, "TASK_WORKDIR="+b.run.Dir)
	if err != nil {
		return nil, fmt.Errorf("insecure: %w", err)
	}
	b.put("TASK_WORKDIR", b.run.Dir) // by which the tree knows its processes
	env := slices.Sorted(maps.Values(b.env))
	s := &sandbox{run: b.run, tree: tree, env: env, commands: b.commands,
		done: make(chan struct{}), aborted: make(chan struct{}), killed: make(chan struct{})}
	go s.execute() //nolint:contextcheck // ctx bounds the start alone
	return s, nil
}
