package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcsecrets"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/runner/swaptest"
)

// rig is a machine of a static pool, with a deployment that knows it.
type rig struct {
	t          *testing.T
	deployment *localtest.Instance
	worker     localtest.Worker
	dir        string
	secrets    []string // texts that nothing may show
}

const pool = "proj/linux"

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, deployment: localtest.Start(t), dir: t.TempDir()}
	r.worker = r.deployment.Pool(t, pool)
	r.secrets = []string{r.worker.Secret}
	r.file("secret", r.worker.Secret+"\n")
	r.file("provider.hcl", `
provider "static" {
  root_url       = "`+r.deployment.RootURL+`/"
  worker_pool_id = "`+pool+`"
  worker_group   = "`+r.worker.Group+`"
  worker_id      = env("TEST_WORKER_ID")
  secret_file    = "`+r.path("secret")+`"
  provider_metadata = { "public-ipv4" = "127.0.0.1", "instance-id" = "i-1" }
}
`)
	r.config("")
	return r
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) file(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// config writes the runner config; more is appended to it.
func (r *rig) config(more string) {
	r.file("runner.yml", `
provider:
  file: `+r.path("provider.hcl")+`
worker:
  implementation: generic-worker
  path: fake-worker
  configPath: `+r.path("worker.json")+`
  workerkit: {fromRunner: true}
workerConfig:
  ed25519SigningKeyLocation: key
  tasksDir: tasks
  capacity: 1
`+more)
}

// poolConfig sets the config of the worker pool.
func (r *rig) poolConfig(config string) {
	r.t.Helper()
	_, err := tcworkermanager.New(r.deployment.Credentials(), r.deployment.RootURL).UpdateWorkerPool(pool, &tcworkermanager.WorkerPoolDefinition1{
		ProviderID: "static", Config: json.RawMessage(config), Owner: "owner@example.com",
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// secret sets a secret.
func (r *rig) secret(name, value string) {
	r.t.Helper()
	err := tcsecrets.New(r.deployment.Credentials(), r.deployment.RootURL).Set(name, &tcsecrets.Secret{
		Expires: tcclient.Time(time.Now().Add(time.Hour)), Secret: json.RawMessage(value),
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// started is a start-worker that is running or has ended.
type started struct {
	rig            *rig
	cmd            *exec.Cmd
	stdout, stderr lockedBuffer
}

// lockedBuffer can be read while a process writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts the real program with a worker that follows the script.
func (r *rig) start(script string, env ...string) *started {
	r.t.Helper()
	s := &started{rig: r, cmd: exec.Command("start-worker", r.path("runner.yml"))}
	s.cmd.Dir = r.dir
	s.cmd.Env = append(os.Environ(), swaptest.ScriptEnv+"="+script, swaptest.InboxEnv+"="+r.path("inbox"),
		powerOffRecord+"="+r.path("poweroff"), placesEnv+"="+r.dir, "TEST_WORKER_ID="+r.worker.ID)
	s.cmd.Env = append(s.cmd.Env, env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.stdout, &s.stderr
	s.cmd.WaitDelay = 5 * time.Second
	if err := s.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s
}

// wait waits for the end and returns the exit code. Nothing that was written may be secret.
func (s *started) wait() int {
	t := s.rig.t
	t.Helper()
	err := s.cmd.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v\n%s", err, s.stderr.String())
	}
	s.rig.scan(s.stdout.String(), s.stderr.String())
	return s.cmd.ProcessState.ExitCode()
}

// run runs start-worker to its end.
func (r *rig) run(script string, env ...string) (code int, s *started) {
	r.t.Helper()
	s = r.start(script, env...)
	return s.wait(), s
}

// until waits for a line of the log.
func (s *started) until(part string) {
	t := s.rig.t
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(s.stderr.String(), part) {
			return
		}
	}
	t.Fatalf("no %q in the log:\n%s", part, s.stderr.String())
}

// scan fails when a secret shows in the texts, or in a file that others can read.
func (r *rig) scan(texts ...string) {
	r.t.Helper()
	hidden := append(r.secrets, r.credentials()...)
	check := func(where, text string) {
		for _, s := range hidden {
			if s != "" && strings.Contains(text, s) {
				r.t.Errorf("%s shows a secret", where)
			}
		}
	}
	for _, text := range texts {
		check("output", text)
	}
	err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			return err
		}
		data, err := os.ReadFile(path)
		check(path, string(data))
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
}

// credentials are what the worker got: its token, and what in the certificate is secret.
func (r *rig) credentials() []string {
	if _, err := os.Stat(r.path("worker.json")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	c := r.rendered()
	certificate, _ := c["certificate"].(string)
	var signed struct{ Signature string }
	_ = json.Unmarshal([]byte(certificate), &signed)
	return []string{c["accessToken"].(string), signed.Signature}
}

// rendered is the worker's config.
func (r *rig) rendered() map[string]any {
	r.t.Helper()
	data, err := os.ReadFile(r.path("worker.json"))
	if err != nil {
		r.t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(data, &c); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// inbox is what the worker was told.
func (r *rig) inbox() string {
	data, err := os.ReadFile(r.path("inbox"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}
