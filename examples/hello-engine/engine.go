// Package hello is an engine that runs nothing: it writes the payload's text to the log. It
// shows what an engine is made of; docs/add-an-engine.md has the steps.
package hello

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Name is the engine's name.
const Name = "hello"

// Engine is the engine.
type Engine struct{}

// New makes the engine.
func New() *Engine { return &Engine{} }

// Name implements engines.Engine.
func (*Engine) Name() string { return Name }

// greeting is what a payload says.
type greeting struct {
	Text     string            `json:"hello"`
	Files    map[string]string `json:"files"`
	Millis   int               `json:"lastsMs"`
	ExitCode int               `json:"exitCode"`
}

// Payload implements engines.Engine. Only the first property is the engine's idea; with the others
// it can be told to do what enginetest asks of every engine.
func (*Engine) Payload() payload.Fragment {
	return payload.Fragment{
		Properties: map[string]any{
			"hello":    map[string]any{"type": "string", "description": "The text for the log."},
			"files":    map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}, "description": "Files to leave in the task directory, with their text."},
			"lastsMs":  map[string]any{"type": "integer", "minimum": 0, "description": "How long it takes, in milliseconds."},
			"exitCode": map[string]any{"type": "integer", "description": "The exit code; 0 is success."},
		},
		Required: []string{"hello"},
	}
}

// NewBuilder implements engines.Engine.
func (*Engine) NewBuilder(_ context.Context, run *task.Run) (engines.Builder, error) {
	b := &builder{run: run}
	if err := run.Decode(&b.greeting); err != nil {
		return nil, err //nolint:wrapcheck // says what is wrong
	}
	for path := range b.greeting.Files {
		if !filepath.IsLocal(filepath.FromSlash(path)) { // which the schema cannot tell
			return nil, task.Malformed("files: %q is not in the task directory", path)
		}
	}
	return b, nil
}

// builder is a run that has not been started.
type builder struct {
	run      *task.Run
	greeting greeting
}

// Setenv implements engines.Builder. Nobody reads the variables.
func (*builder) Setenv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
		return task.Malformed("environment variable %q cannot be set", name)
	}
	return nil
}

// Discard implements engines.Builder. Nothing is held.
func (*builder) Discard(context.Context) error { return nil }

// Start implements engines.Builder.
func (b *builder) Start(context.Context) (engines.Sandbox, error) {
	living, kill := context.WithCancel(context.Background()) // the start's context bounds the start alone
	s := &sandbox{run: b.run, greeting: b.greeting, kill: kill, done: make(chan struct{})}
	go s.work(living) //nolint:contextcheck // on its own; Wait and Kill wait for it
	return s, nil
}

// perform greets, and returns early when ctx ends.
func (g greeting) perform(ctx context.Context, dir string, log io.Writer) error {
	if _, err := io.WriteString(log, g.Text); err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	for path, text := range g.Files {
		if err := leave(filepath.Join(dir, filepath.FromSlash(path)), text); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(g.Millis) * time.Millisecond):
	}
	return nil
}
