package moving_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"

	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/runner/swaptest"
)

func TestMain(m *testing.M) { swaptest.Main(m) }

const pool = "loopback/generic-worker"

// folder is one machine's folder, in which the programs are swapped.
type folder struct {
	t          *testing.T
	dir        string
	deployment *localtest.Instance
	worker     localtest.Worker
	runner     string // our start-worker
	tasks      int    // that the workers have run here, counting one of before
}

// program builds one of ours.
func program(t *testing.T, source, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/"+source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// config writes the runner config for the next step; but for the worker it is always the same, and the
// public start-worker's.
func (f *folder) config(worker string) string {
	f.t.Helper()
	w := f.worker
	data, err := json.Marshal(map[string]any{ // JSON is YAML
		"provider": map[string]any{
			"providerType": "static", "rootURL": f.deployment.RootURL, "providerID": "static", "workerPoolID": w.PoolID,
			"workerGroup": w.Group, "workerID": w.ID, "staticSecret": w.Secret,
		},
		"worker": map[string]any{"implementation": "generic-worker", "path": worker, "configPath": f.path("worker.json"), "workerkit": map[string]any{"engine": "insecure"}},
		"workerConfig": map[string]any{
			"cachesDir": f.path("caches"), "downloadsDir": f.path("downloads"), "tasksDir": f.path("tasks"),
			"ed25519SigningKeyLocation": f.path("key"), "livelogExecutable": "/usr/local/bin/livelog",
			"numberOfTasksToRun": f.tasks + 1, "requiredDiskSpaceMegabytes": 1,
		},
		"controlSocket": false,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	put(f.t, f.path("runner.yml"), string(data))
	return f.path("runner.yml")
}

// task makes a task that needs the cache as the programs before have left it, and leaves its mark.
func (f *folder) task() string {
	payload := fmt.Sprintf(`{"command":[["/bin/sh","-c","cat cache/marks && test $(wc -l < cache/marks) = %d && echo mark >> cache/marks"]],
		"maxRunTime":60,"mounts":[{"cacheName":"checkout","directory":"cache"}]}`, f.tasks)
	return f.deployment.CreateTask(f.t, pool, json.RawMessage(payload), func(task *tcqueue.TaskDefinitionRequest) {
		task.Scopes = []string{"generic-worker:cache:checkout"}
	})
}

func (f *folder) completed(task, output string) {
	f.t.Helper()
	status, err := tcqueue.New(f.deployment.Credentials(), f.deployment.RootURL).Status(task)
	if err != nil || status.Status.State != "completed" {
		f.t.Fatalf("the task is %+v, %v\n%s", status, err, output)
	}
	f.tasks++
}

// publicRunner runs a worker to its end under the stand-in for the public start-worker.
func (f *folder) publicRunner(worker string, r swaptest.Runner) swaptest.Result {
	f.t.Helper()
	ctx, done := context.WithTimeout(f.t.Context(), time.Minute)
	defer done()
	r.Dir = f.dir
	result, err := r.Run(ctx, f.config(worker))
	if err != nil {
		f.t.Fatalf("%v\n%s%s", err, result.Output, result.Errors)
	}
	return result
}

// ourRunner runs a worker to its end under our start-worker, or another of its commands.
func (f *folder) ourRunner(args ...string) (code int, output string) {
	f.t.Helper()
	ctx, done := context.WithTimeout(f.t.Context(), time.Minute)
	defer done()
	cmd := exec.CommandContext(ctx, f.runner, args...)
	cmd.Dir = f.dir
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	_ = cmd.Run() // the exit code is looked at
	return cmd.ProcessState.ExitCode(), both.String()
}

// strict decodes JSON and refuses what the public form does not have.
func strict(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s is not in the public form: %v\n%s", path, err, data)
	}
}

// publicEntry is an entry of the public worker's caches.
type publicEntry struct {
	Created  time.Time `json:"created"`
	Location string    `json:"location"`
	Hits     int       `json:"hits"`
	Key      string    `json:"key"`
	SHA256   string    `json:"sha256"`
	InUse    bool      `json:"in_use"`
	LastUsed time.Time `json:"last_used"`
}

// readable holds what is in the folder to what the public worker would make of it.
func (f *folder) readable(step string) {
	f.t.Helper()
	var caches map[string][]publicEntry
	strict(f.t, f.path("directory-caches.json"), &caches)
	if len(caches["checkout"]) != 1 {
		f.t.Fatalf("%s: the caches are %+v", step, caches)
	}
	marks, err := os.ReadFile(filepath.Join(caches["checkout"][0].Location, "marks"))
	if err != nil || strings.Count(string(marks), "mark\n") != f.tasks {
		f.t.Errorf("%s: the cache has %q, %v; want %d marks", step, marks, err, f.tasks)
	}
	var downloads map[string]publicEntry
	strict(f.t, f.path("file-caches.json"), &downloads)
	kept := downloads["urlcontent:https://example.com/tool"]
	if content, err := os.ReadFile(kept.Location); err != nil || string(content) != "content" || kept.SHA256 == "" {
		f.t.Errorf("%s: the download is %+v, %q, %v", step, kept, content, err)
	}
	count, err := os.ReadFile(f.path("tasks-resolved-count.txt"))
	if err != nil || strings.TrimSpace(string(count)) != fmt.Sprint(f.tasks) {
		f.t.Errorf("%s: %q tasks are counted, %v; want %d", step, count, err, f.tasks)
	}
}

// publicFiles are what the public worker has left after one task, which this test writes in its form.
func (f *folder) publicFiles() {
	put(f.t, f.path("caches/FcKhcnTgTvabNLxVQh7xPA/marks"), "mark\n")
	put(f.t, f.path("downloads/A3vN5LhGQ9yX1sZb7cKf2w"), "content")
	put(f.t, f.path("directory-caches.json"), `{"checkout":[{"created":"2026-01-02T03:04:05Z","location":"`+f.path("caches/FcKhcnTgTvabNLxVQh7xPA")+`","hits":1,"key":"checkout","in_use":false,"last_used":"2026-01-02T03:04:05Z"}]}`)
	put(f.t, f.path("file-caches.json"), `{"urlcontent:https://example.com/tool":{"created":"2026-01-02T03:04:05Z","location":"`+f.path("downloads/A3vN5LhGQ9yX1sZb7cKf2w")+`","hits":1,"key":"urlcontent:https://example.com/tool","sha256":"ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73","in_use":false,"last_used":"0001-01-01T00:00:00Z"}}`)
	put(f.t, f.path("tasks-resolved-count.txt"), "1")
	put(f.t, f.path("key"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	f.tasks = 1
}

// TestSwapAndBack goes over one half at a time in one folder, and back, and holds every file to its
// public form after each step. The stand-in for the public worker runs no tasks: it takes the config or
// refuses it, and speaks the protocol.
func TestSwapAndBack(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the engine that runs tasks as the worker's own user is for Unix")
	}
	ours, public := program(t, "generic-worker", "generic-worker-insecure"), swaptest.Program(t)
	f := &folder{t: t, dir: t.TempDir(), deployment: localtest.Start(t, localtest.LongPoll(500*time.Millisecond)), runner: program(t, "start-worker", "start-worker")}
	f.worker = f.deployment.Pool(t, pool)
	f.publicFiles()

	bothPublic := func(step string) {
		t.Setenv(swaptest.ScriptEnv, "await:welcome exit:0")
		if r := f.publicRunner(public, swaptest.Runner{}); r.Code != 0 {
			t.Fatalf("%s: exit %d\n%s%s", step, r.Code, r.Output, r.Errors)
		}
		f.readable(step)
	}
	bothPublic("both public")

	code, output := f.ourRunner("check", "--over", "--dir", f.dir, f.config(public))
	if code != 0 || !strings.Contains(output, "1 writable caches") || strings.Contains(output, f.worker.Secret) {
		t.Errorf("check --over: exit %d\n%s", code, output)
	}

	task := f.task()
	r := f.publicRunner(ours, swaptest.Runner{})
	f.completed(task, r.Output+r.Errors)
	f.readable("our worker, public runner")

	task = f.task()
	code, output = f.ourRunner(f.config(ours))
	f.completed(task, output)
	if code != 0 {
		t.Errorf("both ours: exit %d\n%s", code, output)
	}
	f.readable("both ours")

	if code, output = f.ourRunner("check", "--back", "--dir", f.dir, f.config(ours)); code != 0 {
		t.Errorf("check --back: exit %d\n%s", code, output)
	}

	if code, output = f.ourRunner(f.config(public)); code != 0 {
		t.Errorf("our runner, public worker: exit %d\n%s", code, output)
	}
	if _, _, err := swaptest.LoadConfig(f.path("worker.json")); err != nil {
		t.Error("the public worker refuses what our runner wrote:", err)
	}
	f.readable("our runner, public worker")
	bothPublic("both public again")

	task = f.task() // and over once more, with what went back and forth
	r = f.publicRunner(ours, swaptest.Runner{})
	f.completed(task, r.Output+r.Errors)
	f.readable("our worker again")
}
