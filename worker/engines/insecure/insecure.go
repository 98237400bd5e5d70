// Package insecure runs a task's commands as the worker's own user. It isolates nothing: a task
// can read what the worker can. It is for machines that run one trusted party's tasks.
package insecure

import (
	"context"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/commands"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Name is the engine's name.
const Name = "insecure"

// Engine is the engine.
type Engine struct {
	trees  *proc.Trees
	limits proc.Limits
	env    []string // of the worker, without what is not the task's business
}

// New makes the engine. env is the worker's environment, of which the commands get all but
// Taskcluster's and the clouds' variables; limits are of each task.
func New(trees *proc.Trees, env []string, limits proc.Limits) *Engine {
	return &Engine{trees: trees, limits: limits, env: slices.DeleteFunc(slices.Clone(env), private)}
}

// private tells whether a variable of the worker may hold credentials or a way to reach its
// supervisor. On a system where names do not differ by case, any spelling is meant.
func private(entry string) bool {
	name, _, _ := strings.Cut(entry, "=")
	name = commands.Variable(name)
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
func (*Engine) Payload() payload.Fragment { return commands.Payload() }

// NewBuilder implements engines.Engine.
func (e *Engine) NewBuilder(_ context.Context, run *task.Run) (engines.Builder, error) {
	return commands.NewBuilder(run, commands.Config{Engine: Name, Trees: e.trees, Limits: e.limits, Env: e.env})
}
