package wine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/platformtest/tasks"
	"github.com/workerkit/workerkit/platformtest/wine"
)

const (
	patience = 90 * time.Second
	// cacheVariable names the folder for Wine's files, and asks for these tests.
	cacheVariable = "PLATFORMTEST_WINE"
)

// machine is a Windows with the programs in C:\worker, and a Taskcluster that it can reach.
type machine struct {
	tasks.Service
	t       *testing.T
	windows *wine.Wine
	dir     string
}

func newMachine(t *testing.T, programs ...string) *machine {
	t.Helper()
	cache := os.Getenv(cacheVariable)
	if cache == "" {
		t.Skip("it takes most of a minute, and Wine: make test-windows")
	}
	windows, err := wine.New(t.Context(), cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := windows.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	m := &machine{tasks.Start(t), t, windows, filepath.Join(windows.Drive(), "worker")}
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	overlay, err := wine.Overlay(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range programs {
		args := []string{"build", "-overlay", overlay, "-o", filepath.Join(m.dir, name+".exe")}
		if os.Getenv("GOCOVERDIR") != "" {
			args = append(args, "-cover", "-coverpkg", "github.com/workerkit/workerkit/...")
		}
		cmd := exec.Command("go", append(args, "github.com/workerkit/workerkit/cmd/"+name)...)
		cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
	}
	return m
}

func (m *machine) file(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// run runs a program of the folder to its end.
func (m *machine) run(program string, args ...string) {
	m.t.Helper()
	ctx, done := context.WithTimeout(m.t.Context(), patience)
	defer done()
	var extra []string
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		extra = []string{"GOCOVERDIR=" + wine.Path(dir)}
	}
	cmd := m.windows.Command(ctx, extra, `C:\worker\`+program, args...)
	cmd.Dir = m.dir
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Run(); err != nil {
		m.t.Errorf("%s: %v\n%s", program, err, &printed)
	}
}

// TestGenericWorker: claims three tasks of batch commands, one after the other, and ends.
func TestGenericWorker(t *testing.T) {
	m := newMachine(t, "generic-worker")
	m.run("generic-worker.exe", "new-ed25519-keypair", "--file", `C:\worker\key`)
	m.file("worker.config", fmt.Sprintf(`{"rootURL": %q, "clientId": %q, "accessToken": %q, "provisionerId": "tests",
		"workerType": "pool", "workerGroup": "local", "workerId": "worker-1", "ed25519SigningKeyLocation": "C:\\worker\\key",
		"tasksDir": "C:\\worker\\tasks", "requiredDiskSpaceMegabytes": 1, "numberOfTasksToRun": 3, "workerkit": {"engine": "insecure"}}`,
		m.RootURL, m.ClientID, m.AccessToken))
	// In plain ASCII: Wine's shell reads batch files in one code page, whatever chcp says.
	good := m.Create([]string{`set WORD=word`, `echo greetings, %WORD% from %TASK_ID%`, `echo greetings> out.txt`})
	bad := m.Create([]string{`echo x> out.txt`, `cmd /c exit 3`, `echo never`})
	deep := m.Create([]string{`mkdir ` + strings.Repeat(`folder-of-thirty-letters-long\`, 3) + `end`, `echo deep> out.txt`})
	m.run("generic-worker.exe", "run", "--config", `C:\worker\worker.config`)

	log, out := m.Resolved(good, "completed completed")
	if !strings.Contains(log, "greetings, word from "+good) || strings.TrimSpace(out) != "greetings" {
		t.Errorf("made %q; its log:\n%s", out, log)
	}
	if log, _ := m.Resolved(bad, "failed failed"); strings.Contains(log, "never\r\n") {
		t.Errorf("commands go on after one that failed:\n%s", log)
	}
	m.Resolved(deep, "completed completed")
	if left, err := os.ReadDir(filepath.Join(m.dir, "tasks")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestStartWorker: registers the static machine, starts the worker, and both end after a task.
func TestStartWorker(t *testing.T) {
	m := newMachine(t, "start-worker", "generic-worker")
	worker := m.Pool(t, tasks.Pool)
	m.run("generic-worker.exe", "new-ed25519-keypair", "--file", `C:\worker\key`)
	m.file("secret", worker.Secret)
	m.file("runner.yml", fmt.Sprintf(`
provider:
  providerType: static
  rootURL: %s
  providerID: static
  workerPoolID: %s
  workerGroup: %s
  workerID: %s
  staticSecret: %s
worker:
  implementation: generic-worker
  path: C:\worker\generic-worker.exe
  configPath: C:\worker\worker.config
workerConfig:
  ed25519SigningKeyLocation: C:\worker\key
  tasksDir: C:\worker\tasks
  requiredDiskSpaceMegabytes: 1
  numberOfTasksToRun: 1
  workerkit: {engine: insecure}
`, m.RootURL, tasks.Pool, worker.Group, worker.ID, worker.Secret))
	task := m.Create([]string{`echo started by start-worker`, `echo x> out.txt`})
	m.run("start-worker.exe", `C:\worker\runner.yml`)
	if log, _ := m.Resolved(task, "completed completed"); !strings.Contains(log, "started by start-worker") {
		t.Errorf("its log:\n%s", log)
	}
}
