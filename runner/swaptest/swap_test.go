package swaptest_test

import (
	"context"
	"encoding/json"
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

// machine is a deployment, and a machine of it with our worker under the public runner.
type machine struct {
	deployment *localtest.Instance
	dir        string
	config     string // the runner config
}

// ourWorker builds the real program.
func ourWorker(t *testing.T) string {
	t.Helper()
	source := filepath.Join("..", "..", "cmd", "generic-worker")
	if _, err := os.Stat(source); err != nil {
		t.Skip("there is no program cmd/generic-worker to swap in:", err)
	}
	path := filepath.Join(t.TempDir(), "generic-worker-insecure") // the name chooses the engine
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", path, "./"+filepath.ToSlash(source)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func newMachine(t *testing.T, worker string) machine {
	t.Helper()
	m := machine{deployment: localtest.Start(t, localtest.LongPoll(500*time.Millisecond)), dir: t.TempDir()}
	w := m.deployment.Pool(t, "loopback/generic-worker")
	m.config = filepath.Join(m.dir, "runner.yml")
	text, err := json.Marshal(map[string]any{ // JSON is YAML
		"provider": map[string]any{
			"providerType": "static", "rootURL": m.deployment.RootURL, "providerID": "static", "workerPoolID": w.PoolID,
			"workerGroup": w.Group, "workerID": w.ID, "staticSecret": w.Secret,
		},
		"worker": map[string]any{"implementation": "generic-worker", "path": worker, "configPath": filepath.Join(m.dir, "worker.json")},
		// as the public runner rendered them on a real deployment
		"workerConfig": map[string]any{
			"cachesDir": filepath.Join(m.dir, "caches"), "cleanUpTaskDirs": false, "createObjectArtifacts": false,
			"downloadsDir": filepath.Join(m.dir, "downloads"), "ed25519SigningKeyLocation": filepath.Join(m.dir, "ed25519_key"),
			"enableInteractive": false, "enableLiveLog": true, "livelogExecutable": "/usr/local/bin/livelog", "numberOfTasksToRun": 1,
			"requiredDiskSpaceMegabytes": 1, "shutdownMachineOnIdle": false, "shutdownMachineOnInternalError": false,
			"taskclusterProxyExecutable": "/usr/local/bin/taskcluster-proxy", "tasksDir": filepath.Join(m.dir, "tasks"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m machine) run(t *testing.T, r swaptest.Runner) swaptest.Result {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	r.Dir = m.dir // where the worker counts its tasks
	result, err := r.Run(ctx, m.config)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, result.Output, result.Errors)
	}
	return result
}

func TestOurWorkerUnderThePublicRunner(t *testing.T) {
	worker := ourWorker(t)
	t.Run("runs a task", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("the engine that runs tasks as the worker's own user is for Unix")
		}
		m := newMachine(t, worker)
		task := m.deployment.CreateTask(t, "loopback/generic-worker", json.RawMessage(`{"command":[["/bin/sh","-c","echo hello"]],"maxRunTime":60}`))
		result := m.run(t, swaptest.Runner{})
		if want := `"error-report","graceful-termination","log","new-credentials","shutdown"`; result.Code != 0 || !strings.Contains(result.Hello, want) {
			t.Errorf("exit %d, hello %s\n%s%s", result.Code, result.Hello, result.Output, result.Errors)
		}
		status, err := tcqueue.New(m.deployment.Credentials(), m.deployment.RootURL).Status(task)
		if err != nil || status.Status.State != "completed" {
			t.Errorf("the task is %+v, %v", status, err)
		}
	})
	t.Run("drains", func(t *testing.T) {
		m := newMachine(t, worker)
		result := m.run(t, swaptest.Runner{Say: `~{"type":"graceful-termination","finish-tasks":false}` + "\n"})
		if result.Code != swaptest.CodeDrained {
			t.Errorf("exit %d\n%s%s", result.Code, result.Output, result.Errors)
		}
	})
	t.Run("refuses an unknown key", func(t *testing.T) {
		m := newMachine(t, worker)
		result := m.run(t, swaptest.Runner{Extra: map[string]any{"noSuchKey": 1}})
		if result.Code != swaptest.CodeConfigUnreadable || !strings.Contains(result.Output+result.Errors, "noSuchKey") {
			t.Errorf("exit %d\n%s%s", result.Code, result.Output, result.Errors)
		}
	})
}

func TestMain(m *testing.M) { swaptest.Main(m) }

// TestTheStandInsFitTogether: the public runner and the public worker, as stand-ins, agree.
func TestTheStandInsFitTogether(t *testing.T) {
	m := newMachine(t, swaptest.Program(t))
	t.Setenv(swaptest.ScriptEnv, "await:welcome await:graceful-termination exit:7")
	if result := m.run(t, swaptest.Runner{Say: `~{"type":"graceful-termination","finish-tasks":false}` + "\n"}); result.Code != 7 {
		t.Errorf("exit %d\n%s%s", result.Code, result.Output, result.Errors)
	}
	if result := m.run(t, swaptest.Runner{Extra: map[string]any{"workerkit": map[string]any{}}}); result.Code != swaptest.CodeConfigUnreadable {
		t.Errorf("exit %d\n%s%s", result.Code, result.Output, result.Errors)
	}
	if result := m.run(t, swaptest.Runner{Extra: map[string]any{"rootURL": ""}}); result.Code != swaptest.CodeConfigInvalid {
		t.Errorf("exit %d\n%s%s", result.Code, result.Output, result.Errors)
	}
}
