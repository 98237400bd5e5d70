package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/internal/isolated"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
)

const (
	pool    = "tests/pool"
	patient = time.Minute // for what takes milliseconds on a machine that is not busy
)

// binary builds the program once for all tests.
//
//nolint:gochecknoglobals // one build for all tests of the package
var binary = sync.OnceValues(func() (string, error) {
	if isolated.Entered() { // it was brought along: see inside
		return filepath.Join(accountstest.Bin, programFile), nil
	}
	dir, err := os.MkdirTemp("", "generic-worker-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, programFile)
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return path, nil
})

// programFile is the file's name, which chooses the engine: by any other, root's tests would make
// accounts on this machine. The ending matters on Windows only.
const programFile = "generic-worker-insecure.exe"

// inside is accountstest.Inside with the program, which cannot be built in there: where the
// sources are need not be visible.
func inside(t *testing.T) bool {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, path)
	}
	return accountstest.Inside(t, path)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil && !isolated.Entered() {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// machine is where one worker runs, more than once perhaps.
type machine struct {
	*localtest.Instance
	t      *testing.T
	dir    string // its working directory
	config map[string]any
	public string // the key that its certificates verify with; "" without one
}

func newMachine(t *testing.T, config map[string]any, options ...localtest.Option) *machine {
	t.Helper()
	i := localtest.Start(t, append([]localtest.Option{localtest.LongPoll(200 * time.Millisecond)}, options...)...)
	m := &machine{Instance: i, t: t, dir: t.TempDir(), config: map[string]any{
		"rootURL": i.RootURL, "clientId": i.ClientID, "accessToken": i.AccessToken,
		"provisionerId": "tests", "workerType": "pool", "workerGroup": "local", "workerId": "worker-1",
		"ed25519SigningKeyLocation": "key", "requiredDiskSpaceMegabytes": 1,
	}}
	maps.Copy(m.config, config)
	own := map[string]any{"engine": "insecure"} // whoever runs the tests
	if given, ok := m.config["workerkit"].(map[string]any); ok {
		maps.Copy(own, given)
	}
	m.config["workerkit"] = own
	if err := os.Mkdir(filepath.Join(m.dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	return m
}

// process is a worker that runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *output
	stderr *output
	ended  chan struct{}
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	gate atomic.Pointer[func() error] // if set, what comes before each write
}

func (o *output) Write(p []byte) (int, error) {
	if gate := o.gate.Load(); gate != nil {
		if err := (*gate)(); err != nil {
			return 0, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (m *machine) configure() string {
	m.t.Helper()
	data, err := json.Marshal(m.config)
	if err != nil {
		m.t.Fatal(err)
	}
	path := filepath.Join(m.dir, "worker.config")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// start starts the worker.
func (m *machine) start(args ...string) *process {
	m.t.Helper()
	path, err := binary()
	if err != nil {
		m.t.Fatalf("build: %v\n%s", err, path)
	}
	p := &process{t: m.t, stdout: &output{}, stderr: &output{}, ended: make(chan struct{})}
	p.cmd = exec.Command(path, append([]string{"run", "--config", m.configure()}, args...)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = m.dir, p.stdout, p.stderr
	tmp := filepath.Join(m.dir, "tmp")
	p.cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "TMP="+tmp, "TEMP="+tmp, "TASKCLUSTER_ACCESS_TOKEN="+m.AccessToken)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		m.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // its code is in ProcessState
	}()
	m.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if m.t.Failed() {
			m.t.Logf("stdout:\n%s\nstderr:\n%s", p.stdout, p.stderr)
		}
	})
	return p
}

// exits waits for the worker's end and compares its exit code.
func (p *process) exits(want int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patient):
		p.t.Fatalf("the worker goes on; stderr:\n%s", p.stderr)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		p.t.Errorf("exit code %d, want %d", got, want)
	}
}

// until waits for something to be so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// create makes a task of shell commands.
func (m *machine) create(payload map[string]any, mods ...func(*tcqueue.TaskDefinitionRequest)) string {
	m.t.Helper()
	if _, given := payload["maxRunTime"]; !given {
		payload["maxRunTime"] = 60
	}
	data, err := json.Marshal(payload)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.CreateTask(m.t, pool, data, mods...)
}

// sh is the command that runs a script.
func sh(scripts ...string) map[string]any {
	var all [][]string
	for _, s := range scripts {
		all = append(all, []string{"/bin/sh", "-c", s})
	}
	return map[string]any{"command": all}
}

// with adds a property to a payload.
func with(payload map[string]any, name string, value any) map[string]any {
	payload[name] = value
	return payload
}

func (m *machine) queue() *tcqueue.Queue { return tcqueue.New(m.Credentials(), m.RootURL) }

// reason is how a run was resolved, or its state.
func (m *machine) reason(taskID string, run int) string {
	m.t.Helper()
	s, err := m.queue().Status(taskID)
	if err != nil {
		m.t.Fatal(err)
	}
	if len(s.Status.Runs) <= run {
		return "no run"
	}
	if r := s.Status.Runs[run]; r.ReasonResolved != "" {
		return r.ReasonResolved
	}
	return s.Status.Runs[run].State
}

// resolved waits for the end of a run and compares how it came.
func (m *machine) resolved(taskID string, run int, want string) {
	m.t.Helper()
	until(m.t, "the end of "+taskID, func() bool {
		r := m.reason(taskID, run)
		return r != "pending" && r != "running" && r != "no run"
	})
	if got := m.reason(taskID, run); got != want {
		m.t.Errorf("run %d was resolved %s, want %s; its log:\n%s", run, got, want, m.artifact(taskID, run, "public/logs/live_backing.log"))
	}
}

// artifact reads an artifact of a run, decompressed.
func (m *machine) artifact(taskID string, run int, name string) string {
	m.t.Helper()
	url, err := tc.New(m.RootURL, http.DefaultClient, retryOnce()).Tasks(m.source()).ArtifactURL(taskID, int64(run), name, time.Hour)
	if err != nil {
		m.t.Fatal(err)
	}
	reply, err := http.Get(url)
	if err != nil {
		m.t.Fatal(err)
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body) // the client takes gzip off by itself
	if err != nil {
		m.t.Fatal(err)
	}
	if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		if plain, err := io.ReadAll(z); err == nil {
			data = plain
		}
	}
	return string(data)
}

// counts returns how many calls there were, by service and method.
func (m *machine) counts() map[string]int {
	all := map[string]int{}
	for _, c := range m.Calls() {
		all[c.Service+"."+c.Method]++
	}
	return all
}

// contains fails unless text holds each part.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

func retryOnce() retry.Policy { return retry.Policy{Total: time.Nanosecond} }

func (m *machine) source() tc.Source {
	return tc.Fixed(tc.Credentials{ClientID: m.ClientID, AccessToken: secret.New(m.AccessToken)})
}
