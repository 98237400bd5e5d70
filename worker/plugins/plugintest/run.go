// Package plugintest runs plugins through the life of a run without a worker, and holds
// the cases that every plugin must pass (see Conform).
package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// Run is a run of a task as a plugin sees it, with a scripted queue.
type Run struct {
	*task.Run
	Queue *Queue
	// WorkerLog is what the plugin wrote into the worker's log.
	WorkerLog *Text
}

// NewRun makes a run whose payload is this JSON; "" is a payload that was not valid. The
// task's deadline is in an hour; it expires in a day.
func NewRun(t testing.TB, payload string) *Run {
	t.Helper()
	log, err := tasklog.New(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Remove(); err != nil {
			t.Error(err)
		}
	})
	queue, workerLog := NewQueue(t), &Text{}
	now := time.Now().UTC().Truncate(time.Millisecond)
	_, abort := context.WithCancelCause(t.Context())
	return &Run{Queue: queue, WorkerLog: workerLog, Run: &task.Run{
		TaskID:  "UOq9JeqHT3KyoEmN6J_Row",
		Payload: json.RawMessage(payload),
		Definition: task.Definition{
			TaskQueueID: "provisioner/pool", Created: now, Deadline: now.Add(time.Hour), Expires: now.Add(24 * time.Hour),
		},
		Dir:         t.TempDir(),
		Own:         t.TempDir(),
		Log:         log,
		Queue:       queue,
		Credentials: tc.Fixed(tc.Credentials{ClientID: "task-client/of/a/run", AccessToken: secret.New("access-token-of-a-run")}),
		Uploads:     &task.Uploads{},
		Logger:      slog.New(slog.NewTextHandler(workerLog, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Abort:       abort,
	}}
}

// TaskLog completes the task's log and returns it.
func (r *Run) TaskLog(t testing.TB) string {
	t.Helper()
	stored, err := r.Log.Close()
	if err != nil {
		t.Fatal(err)
	}
	reader := r.Log.NewReader(t.Context(), 0)
	defer reader.Close()
	var text bytes.Buffer
	if n, err := text.ReadFrom(reader); err != nil || n != stored.Size {
		t.Fatalf("read %d of the log's %d bytes: %v", n, stored.Size, err)
	}
	return text.String()
}

// Life takes the run through the life that worker/plugins draws, from New to Close, as if
// its commands had left result; nil is that none were started. It returns the first error.
func (r *Run) Life(ctx context.Context, plugin plugins.Plugin, result engines.Result) error {
	hooks, first := plugin.New(r.Run)
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	if hooks == nil {
		return first
	}
	if h, ok := hooks.(plugins.Preparer); ok {
		note(h.Prepare(ctx))
	}
	if first == nil && result != nil {
		note(r.start(ctx, hooks))
	}
	if h, ok := hooks.(plugins.Stopper); ok {
		note(h.Stopped(ctx, result))
	}
	if first != nil {
		r.Log.Error("%v", first)
	}
	if _, err := r.Log.Close(); err != nil {
		note(err)
	}
	if h, ok := hooks.(plugins.Finisher); ok {
		note(h.Finish(ctx))
	}
	if h, ok := hooks.(plugins.Closer); ok {
		note(h.Close(ctx))
	}
	return first
}

// start calls the hooks around the start of commands.
func (r *Run) start(ctx context.Context, hooks plugins.Hooks) error {
	commands := (&engine{at: never}).sandbox(ctx, r.Run)
	if h, ok := hooks.(plugins.Builder); ok {
		if err := h.Build(ctx, commands); err != nil {
			return err
		}
	}
	if h, ok := hooks.(plugins.Starter); ok {
		return h.Started(ctx, commands)
	}
	return nil
}

// never is when the engine of a Run fails.
func never(context.Context, string) error { return nil }

// Text collects what is written to it, from any goroutine.
type Text struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// String is all that was written.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
