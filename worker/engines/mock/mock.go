// Package mock is an engine without processes: the payload says what the commands would have
// done. It is for tests of whatever is around an engine.
package mock

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Name is the engine's name.
const Name = "mock"

// Engine is the engine.
type Engine struct{}

// New makes the engine.
func New() *Engine { return &Engine{} }

// Name implements engines.Engine.
func (*Engine) Name() string { return Name }

// script is what a payload says.
type script struct {
	RunFor   int               `json:"runForMs"` // milliseconds
	ExitCode int               `json:"exitCode"`
	Output   string            `json:"output"`
	Files    map[string]string `json:"files"` // by path in the task directory
	Fail     string            `json:"failIn"`
}

// Payload implements engines.Engine.
func (*Engine) Payload() payload.Fragment {
	return payload.Fragment{Properties: map[string]any{
		"runForMs": map[string]any{"type": "integer", "minimum": 0, "description": "How long the commands take, in milliseconds."},
		"exitCode": map[string]any{"type": "integer", "description": "The exit code."},
		"output":   map[string]any{"type": "string", "description": "What the commands print."},
		"files":    map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}, "description": "Files that the commands leave, with their text."},
		"failIn":   map[string]any{"enum": []any{"new", "start", "wait"}, "description": "The stage of the engine that fails."},
	}}
}

// NewBuilder implements engines.Engine.
func (*Engine) NewBuilder(_ context.Context, run *task.Run) (engines.Builder, error) {
	b := &builder{run: run}
	if err := run.Decode(&b.script); err != nil {
		return nil, err //nolint:wrapcheck // says what is wrong
	}
	if b.script.Fail == "new" {
		return nil, task.Internal("mock: told to fail")
	}
	return b, nil
}

type builder struct {
	run    *task.Run
	script script
}

// Setenv implements engines.Builder.
func (*builder) Setenv(string, string) error { return nil }

// Discard implements engines.Builder.
func (*builder) Discard(context.Context) error { return nil }

// Start implements engines.Builder.
func (b *builder) Start(context.Context) (engines.Sandbox, error) {
	if b.script.Fail == "start" {
		return nil, task.Internal("mock: told to fail")
	}
	s := &sandbox{builder: b, killed: make(chan struct{}), done: make(chan struct{})}
	go s.execute()
	return s, nil
}

type sandbox struct {
	*builder
	once   sync.Once
	killed chan struct{}
	done   chan struct{}
	status engines.Status
	err    error
}

func (s *sandbox) execute() {
	defer close(s.done)
	if _, err := io.WriteString(s.run.Log, s.script.Output); err != nil {
		s.err = err
		return
	}
	for path, text := range s.script.Files {
		path = filepath.Join(s.run.Dir, filepath.FromSlash(path))
		if s.err = os.MkdirAll(filepath.Dir(path), 0o700); s.err == nil {
			s.err = os.WriteFile(path, []byte(text), 0o600)
		}
	}
	duration := time.Duration(s.script.RunFor) * time.Millisecond
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-s.killed:
		s.status = engines.Status{Aborted: true, ExitCode: engines.ExitAborted, Reason: "process aborted"}
	case <-timer.C:
		s.status = engines.Status{Success: s.script.ExitCode == 0, ExitCode: s.script.ExitCode, Duration: duration}
		if !s.status.Success {
			s.status.Reason = "exit status " + strconv.Itoa(s.script.ExitCode)
		}
	}
	if s.script.Fail == "wait" {
		s.err = task.Internal("mock: told to fail")
	}
}
