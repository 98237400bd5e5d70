//go:build unix

package hostile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// patience is how long anything may take before the test fails.
const patience = time.Minute

// Case is an engine to try.
type Case struct {
	// New makes the engine; it may register cleanups. Its payload is that of enginetest.Commands.
	New func(t *testing.T) engines.Engine
	// Limited makes it with limits of each task, or skips where the machine cannot set them.
	Limited func(t *testing.T, limits proc.Limits) engines.Engine
	// Isolated says that tasks run as another user than the worker. The test itself must then
	// be alone in namespaces of processes and mounts, where a trick that works does no harm.
	Isolated bool
}

// trick is one way that a task may try.
type trick struct {
	name string
	// isolated says that it only fails where tasks have a user of their own.
	isolated bool
	// script is in sh. It prints BROKEN and why when it could do what it must not. Its
	// variables: WORKER is the worker's process, CLOSED its folder with the files config,
	// journal and readable, PORT a free port, NAME a name that nothing has.
	script string
	// after looks at what is left when the task has ended, before Dispose; nil is nothing.
	after func(t *testing.T, s *scene)
	// gone are files that must not be there any more when the engine has ended.
	gone []string
}

// Run tries everything.
func Run(t *testing.T, c Case) {
	var gone []string
	t.Run("tricks", func(t *testing.T) {
		engine := c.New(t)
		for _, k := range tricks() {
			if k.isolated && !c.Isolated {
				continue
			}
			t.Run(k.name, func(t *testing.T) {
				s := c.set(t, engine)
				s.play(t, k)
				for _, path := range k.gone {
					gone = append(gone, strings.ReplaceAll(path, "NAME", s.name))
				}
			})
		}
	})
	t.Run("left behind", func(t *testing.T) {
		for _, path := range gone {
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is left: %v", path, err)
			}
		}
	})
	t.Run("many processes", func(t *testing.T) { bomb(t, c) })
}

// scene is a worker, and a task that it runs.
type scene struct {
	isolated bool
	engine   engines.Engine
	run      *task.Run
	closed   string // the worker's folder
	secret   string // what is in its files, and in its memory and environment
	name     string
	port     int
	result   engines.Result
	output   string // of the task, at most the first megabytes
}

// set makes what the worker has.
func (c Case) set(t *testing.T, engine engines.Engine) *scene {
	t.Helper()
	base, err := os.MkdirTemp("", "hostile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	base, err = filepath.EvalSymlinks(base)
	s := &scene{isolated: c.Isolated, engine: engine, closed: filepath.Join(base, "worker"), secret: "the worker's secret", name: filepath.Base(base), port: freePort(t)}
	dir := filepath.Join(base, "task")
	err = errors.Join(err, os.Chmod(base, 0o711), os.Mkdir(s.closed, 0o700), os.Mkdir(dir, 0o700))
	for name, mode := range map[string]fs.FileMode{"config": 0o600, "journal": 0o600, "readable": 0o644} {
		err = errors.Join(err, os.WriteFile(filepath.Join(s.closed, name), []byte(s.secret), mode))
	}
	held, openErr := os.Open(filepath.Join(s.closed, "readable")) // as the worker has other tasks' files open
	if err := errors.Join(err, openErr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	log, err := tasklog.New(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Remove() })
	_, abort := context.WithCancelCause(t.Context())
	s.run = &task.Run{TaskID: "UOq9JeqHT3KyoEmN6J_Row", Dir: dir, Log: log, Logger: slog.New(slog.DiscardHandler), Abort: abort}
	return s
}

// play runs a trick and looks at what came of it.
func (s *scene) play(t *testing.T, k trick) {
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	sandbox := s.start(t, ctx, k.script)
	result, err := sandbox.Wait(ctx)
	if err != nil {
		t.Fatalf("the task does not end: %v", err)
	}
	s.result, s.output = result, s.log(t)
	if strings.Contains(s.output, "BROKEN") || s.isolated && strings.Contains(s.output, s.secret) {
		t.Errorf("the task got what it wanted:\n%s", s.output)
	}
	if k.after != nil {
		k.after(t, s)
	}
	if err := result.Dispose(ctx); err != nil {
		t.Errorf("Dispose: %v", err)
	}
	s.clean(t)
}

// start starts a script as the task.
func (s *scene) start(t *testing.T, ctx context.Context, script string) engines.Sandbox { //nolint:revive // t comes first in tests
	t.Helper()
	script = fmt.Sprintf("WORKER=%d CLOSED=%s PORT=%d NAME=%s\n", os.Getpid(), s.closed, s.port, s.name) + script
	s.run.Payload = json.RawMessage(enginetest.Commands([]string{"/bin/sh", "-c", script}))
	builder, err := s.engine.NewBuilder(ctx, s.run)
	if err != nil {
		t.Fatal(err)
	}
	sandbox, err := builder.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { //nolint:contextcheck // the test's own has ended then
		ctx, done := context.WithTimeout(context.Background(), patience)
		defer done()
		_ = sandbox.Kill(ctx, 0)
	})
	return sandbox
}

// log completes the task's log and returns the beginning of what the task wrote.
func (s *scene) log(t *testing.T) string {
	t.Helper()
	if _, err := s.run.Log.Close(); err != nil {
		t.Fatal(err)
	}
	reader := s.run.Log.NewReader(t.Context(), 0)
	defer reader.Close()
	text, err := io.ReadAll(io.LimitReader(reader, 4<<20))
	if err != nil {
		t.Fatal(err)
	}
	var own strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "[taskcluster") { // the script itself is there
			own.WriteString(line)
		}
	}
	return own.String()
}

// clean removes the task directory as the worker does, which must not reach what is the worker's.
func (s *scene) clean(t *testing.T) {
	t.Helper()
	if err := taskrun.RemoveDir(s.run.Dir); err != nil {
		t.Errorf("the task directory is left: %v", err)
	}
	for _, name := range []string{"config", "journal", "readable"} {
		text, err := os.ReadFile(filepath.Join(s.closed, name))
		if err != nil || string(text) != s.secret {
			t.Errorf("the worker's %s is %q: %v", name, text, err)
		}
	}
}

// read opens a file of the task as the worker does for an artifact, and returns its beginning.
func (s *scene) read(t *testing.T, path string) (string, error) {
	t.Helper()
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		file, err := s.result.OpenFile(t.Context(), path)
		if err != nil {
			answers <- answer{"", err}
			return
		}
		defer file.Close()
		text, err := io.ReadAll(io.LimitReader(file, 1<<20))
		answers <- answer{string(text), err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-time.After(patience):
		t.Fatalf("%s: the worker hangs", path)
		return "", nil
	}
}
