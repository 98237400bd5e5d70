package container

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/docker/dockertest"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == probe {
		reach(os.Args[2:])
		return
	}
	enginetest.Main()
	os.Exit(m.Run())
}

// present are images that the engine has.
type present struct {
	api      *client.Client
	released atomic.Int64
	held     atomic.Int64
}

func (p *present) Ensure(ctx context.Context, ref images.Ref, _ *task.Run) (images.Image, error) {
	found, err := p.api.ImageInspect(ctx, ref.Name)
	if err != nil {
		return images.Image{}, task.Malformed("no image %s: %w", ref.Name, err)
	}
	p.held.Add(1)
	return images.Image{ID: found.ID, Name: ref.Name, Release: func() { p.released.Add(1) }}, nil
}

// newEngine makes an engine that is closed with the test, which leaves nothing in the engine of containers.
func newEngine(t *testing.T, e dockertest.Engine, change func(*Config)) *Engine {
	t.Helper()
	return open(t, e, true, change)
}

// open makes an engine. Where it is not strict, a test may leave what it killed.
func open(t *testing.T, e dockertest.Engine, strict bool, change func(*Config)) *Engine {
	t.Helper()
	here := &present{api: e.API}
	c := Config{Docker: e.Engine, Images: here, Worker: "test/" + t.Name(), Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	engine := New(c)
	if err := engine.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		engine.cleaning.Wait()
		if left := engine.left; len(left) > 0 && strict {
			t.Errorf("not removed: %+v", left)
		}
		if err := engine.Close(ctx); err != nil {
			t.Error(err)
		}
		if left := things(t, e); left != "" && strict {
			t.Errorf("left in the engine: %s", left)
		}
		if held, released := here.held.Load(), here.released.Load(); held != released && strict {
			t.Errorf("%d images were held and %d released", held, released)
		}
		if _, err := e.Sweep(ctx, c.Worker); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// things lists what runs have in an engine of containers.
func things(t *testing.T, e dockertest.Engine) string {
	t.Helper()
	ctx := context.Background()
	var all []string
	filter := make(client.Filters).Add("label", docker.Owner)
	containers, err := e.API.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers.Items {
		all = append(all, fmt.Sprint(c.Names))
	}
	networks, err := e.API.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks.Items {
		all = append(all, n.Name)
	}
	volumes, err := e.API.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Items {
		all = append(all, "volume "+v.Name)
	}
	return strings.Join(all, ", ")
}

// inTask is the engine as enginetest has tasks: the task directory is in the container, at the same
// path, and so is the test's own program.
type inTask struct {
	*Engine
	runs atomic.Int64
}

func (e *inTask) NewBuilder(ctx context.Context, run *task.Run) (engines.Builder, error) {
	var p map[string]map[string]any
	if err := json.Unmarshal(run.Payload, &p); err != nil {
		return nil, err
	}
	p["container"]["workingDirectory"] = run.Dir
	// The processes of no two runs have the same number, so that they can be told apart from outside.
	command := p["container"]["command"].([]any)
	const apart, runs = 40, 8
	command[2] = fmt.Sprintf("i=%d; while [ $i -gt 0 ]; do (:); i=$((i-1)); done; ", apart*(e.runs.Add(1)%runs)) + command[2].(string)
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	changed := *run
	changed.Payload = text
	builder, err := e.Engine.NewBuilder(ctx, &changed)
	if err != nil {
		return nil, err
	}
	mounter := builder.(engines.Mounter)
	for _, m := range []engines.Mount{{Source: run.Dir, Target: run.Dir}, {Source: command[4].(string), Target: command[4].(string), ReadOnly: true}} {
		if err := mounter.Mount(ctx, m); err != nil {
			return nil, err
		}
	}
	return builder, nil
}

// inContainer makes a payload of a shell that executes the programs, of which the last becomes the first
// process of the container.
func inContainer(commands ...[]string) string {
	var lines []string
	for i, words := range commands {
		line := quoted(words)
		if i == len(commands)-1 && len(commands) == 1 {
			line = "exec " + line
		}
		lines = append(lines, line)
	}
	script := "exec 2>&1; " + strings.Join(lines, " && ")
	text, err := json.Marshal(map[string]any{"container": map[string]any{
		"image": map[string]any{"name": dockertest.Image}, "pipe": true,
		"command": []string{"/bin/sh", "-c", script, "sh", filepath.Dir(commands[0][0])},
	}})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// alive tells whether a process lives that has this number in a container.
func alive(pid int) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, file := range files {
		status, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			numbers, ok := strings.CutPrefix(line, "NSpid:")
			if f := strings.Fields(numbers); ok && len(f) > 1 && f[len(f)-1] == strconv.Itoa(pid) {
				line, _ := os.ReadFile(filepath.Dir(file) + "/cmdline")
				return strings.Contains(string(line), "enginetest-act")
			}
		}
	}
	return false
}

// libraries are the files that this test's program needs in an image.
func libraries(t *testing.T) map[string]dockertest.File {
	t.Helper()
	files := dockertest.Busybox(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ldd", self).Output()
	if err != nil {
		return files // it needs none
	}
	for word := range strings.FieldsSeq(string(out)) {
		if !filepath.IsAbs(word) {
			continue
		}
		text, err := os.ReadFile(word)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(word, "/")] = dockertest.File{Text: text, Mode: 0o755}
	}
	return files
}

func TestEngine(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		dockertest.MakeImage(t, e, dockertest.Image, libraries(t))
		limited := func(t *testing.T, l proc.Limits) engines.Engine {
			return &inTask{Engine: open(t, e, false, func(c *Config) { c.Limits = l })}
		}
		enginetest.Run(t, enginetest.Case{
			New:     func(t *testing.T) engines.Engine { return limited(t, proc.Limits{}) },
			Limited: limited,
			Payload: inContainer,
			Alive:   alive,
			Grouped: true, Isolated: true, Lone: true,
		})
	})
}

// TestKilledUnread: a container that the engine says was killed for memory was over its limit, when it was gone before that
// could be read.
func TestKilledUnread(t *testing.T) {
	for name, test := range map[string]struct {
		last account
		want string
	}{
		"not read": {account{peak: 4 << 20}, "the task used more than its 64 MiB of memory"},
		"read":     {account{peak: 4 << 20, kills: 1}, "no memory left on the machine"},
	} {
		s := newSandbox(&builder{engine: &Engine{config: Config{Limits: proc.Limits{Memory: 64 << 20}}}, run: newRun(t, "{}")})
		s.meter = &meter{latest: test.last, closed: true}
		if got := s.footer(&container.State{ExitCode: 137, OOMKilled: true}, time.Second); got.Success || !strings.Contains(got.Reason, test.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
