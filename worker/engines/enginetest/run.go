package enginetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// patience is how long anything may take before the test fails.
const patience = 30 * time.Second

// run is a run of a task, and the engine for it.
type run struct {
	*task.Run
	engine engines.Engine
}

func (c Case) newRun(t *testing.T, engine engines.Engine, payload string) *run {
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
	dir := filepath.Join(open(t), "task")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, abort := context.WithCancelCause(t.Context())
	return &run{engine: engine, Run: &task.Run{
		TaskID: "UOq9JeqHT3KyoEmN6J_Row", Payload: json.RawMessage(payload), Dir: dir, Log: log,
		Logger: slog.New(slog.DiscardHandler), Abort: abort,
	}}
}

// begin makes a run of some acts.
func (c Case) begin(t *testing.T, acts ...Act) *run {
	t.Helper()
	return c.newRun(t, c.New(t), c.payload(t, acts...))
}

// build begins the run.
func (r *run) build(t *testing.T) engines.Builder {
	t.Helper()
	builder, err := r.engine.NewBuilder(t.Context(), r.Run)
	if err != nil {
		t.Fatal(err)
	}
	return builder
}

// start starts the commands, with these variables.
func (r *run) start(t *testing.T, env ...[2]string) engines.Sandbox {
	t.Helper()
	builder := r.build(t)
	for _, e := range env {
		if err := builder.Setenv(e[0], e[1]); err != nil {
			t.Fatal(err)
		}
	}
	return launch(t, builder)
}

// launch starts what was built. The sandbox is killed with the test.
func launch(t *testing.T, builder engines.Builder) engines.Sandbox {
	t.Helper()
	sandbox, err := builder.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, done := context.WithTimeout(context.Background(), patience)
		defer done()
		if err := sandbox.Kill(ctx, 0); err != nil {
			t.Error(err)
		}
	})
	return sandbox
}

// wait waits for the end. The result is disposed of with the test.
func wait(t *testing.T, s engines.Sandbox) engines.Result {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	result, err := s.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := result.Dispose(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return result
}

// kill kills a sandbox.
func kill(t *testing.T, s engines.Sandbox, grace time.Duration) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	if err := s.Kill(ctx, grace); err != nil {
		t.Fatal(err)
	}
}

// output closes the log and returns what is in it but for the worker's own lines.
func (r *run) output(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	r.read(t, func(line string) {
		if !strings.HasPrefix(line, "[taskcluster") {
			text.WriteString(line)
		}
	})
	return text.String()
}

// read closes the log and visits its lines.
func (r *run) read(t *testing.T, visit func(line string)) {
	t.Helper()
	if _, err := r.Log.Close(); err != nil {
		t.Fatal(err)
	}
	reader := r.Log.NewReader(t.Context(), 0)
	defer reader.Close()
	lines := bufio.NewReaderSize(reader, 1<<16)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			visit(line)
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// pid waits for the file "pid", with a process id.
func (r *run) pid(t *testing.T) int {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		data, err := os.ReadFile(filepath.Join(r.Dir, "pid"))
		if err == nil {
			pid, err := strconv.Atoi(string(data))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		if time.Now().After(deadline) { // Windows opens no file while it gets its name
			t.Fatalf("no process wrote its id: %v", err)
		}
	}
}

// dead fails the test when a process lives. One that init has yet to reap counts as alive for a moment.
func (c Case) dead(t *testing.T, what string, pid int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Second); c.Alive(pid); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%s survived as process %d", what, pid)
			return
		}
	}
}
