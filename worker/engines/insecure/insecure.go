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

// Config says how an engine works.
type Config struct {
	Trees  *proc.Trees
	Env    []string    // the worker's environment, of which the commands get all but Taskcluster's and the clouds' variables
	Limits proc.Limits // of each task
	// ProxyPort is that of the proxy of the run in slot 0; each further slot's is 4 higher. 0 is any.
	ProxyPort uint16
}

// Engine is the engine.
type Engine struct{ config Config }

// New makes the engine.
func New(c Config) *Engine {
	c.Env = slices.DeleteFunc(slices.Clone(c.Env), private)
	return &Engine{c}
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
	builder, err := commands.NewBuilder(run, commands.Config{
		Engine: Name, Trees: e.config.Trees, Limits: e.config.Limits, Env: e.config.Env, ProxyPort: e.config.ProxyPort,
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // says what is wrong
	}
	return builder, nil
}
