package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/cot"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/mock"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// guarded is the mock engine as if its tasks could not read what is the worker's.
type guarded struct{ engines.Engine }

func (g guarded) NewBuilder(ctx context.Context, run *task.Run) (engines.Builder, error) {
	b, err := g.Engine.NewBuilder(ctx, run)
	return closed{b}, err
}

type closed struct{ engines.Builder }

func (closed) CanRead(context.Context, string) (bool, error) { return false, nil }

// certify runs a task with chain of trust and returns its artifacts in a folder, and the public key.
func certify(t *testing.T) (dir, public string) {
	t.Helper()
	t.Chdir(t.TempDir())
	_, public, _ = call(&off{}, "new-ed25519-keypair", "--file", "key")
	i := localtest.Start(t)
	c := config.Defaults()
	c.RootURL, c.WorkerID, c.WorkerType, c.ProvisionerID = i.RootURL, "worker", "pool", "tests"
	c.Ed25519SigningKeyLocation, c.Workerkit.Engine, c.PublicIP, c.Region = "key", config.EngineMultiuser, net.IPv4(192, 0, 2, 1), "here"
	p := &program{config: &c, logger: slog.New(slog.DiscardHandler)}
	key, err := p.signingKey()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{Instance: i, t: t}
	http := tc.NewHTTP()
	t.Cleanup(http.CloseIdleConnections)
	client := tc.New(i.RootURL, http, retryOnce())
	made := parts{config: &c, client: client, http: http, logger: p.logger, key: key, source: m.source()}
	list, done := made.plugins()
	t.Cleanup(func() { _ = done() })
	engine := guarded{mock.New()}
	schema, err := made.merge(engine, list)
	if err != nil {
		t.Fatal(err)
	}
	id := i.CreateTask(t, pool, json.RawMessage(`{"maxRunTime": 60, "output": "printed\n", "features": {"chainOfTrust": true},
		"files": {"out/a.txt": "text", "out/b.zip": "zipped", "chain-of-trust-additional-data.json": "{\"environment\": {\"imageHash\": \"sha256:0\"}}"},
		"artifacts": [{"type": "directory", "path": "out", "name": "public"}]}`))
	claims, err := client.Work(m.source(), tc.WorkerName{Pool: pool, Group: c.WorkerGroup, ID: c.WorkerID}).Claim(t.Context(), 1)
	if err != nil || len(claims) != 1 {
		t.Fatalf("claims %v, %v", claims, err)
	}
	r := taskrun.New(taskrun.Deps{
		Client: client, Kinds: taskrun.Native(engine, schema), Plugins: list, Logger: p.logger, Now: time.Now,
		TasksDir: t.TempDir(), Header: "header", CleanUp: true, Started: func(string, int64) {},
	}, claims[0], 0)
	out := r.Run(t.Context())
	r.Clean(t.Context())
	if out.Resolution != task.Completed {
		t.Fatalf("%+v; log %s", out, m.artifact(id, 0, "public/logs/live_backing.log"))
	}
	return m.download(id), public
}

// download puts the artifacts with data of a task's first run into a folder, under their names.
func (m *machine) download(taskID string) string {
	m.t.Helper()
	all, err := tc.New(m.RootURL, tc.NewHTTP(), retryOnce()).Tasks(m.source()).Artifacts(m.t.Context(), taskID, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	dir := m.t.TempDir()
	for _, a := range all {
		if a.StorageType == "s3" || a.StorageType == "object" {
			keep(m.t, dir, a.Name, m.artifact(taskID, 0, a.Name))
		}
	}
	return dir
}

func keep(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestChainOfTrust(t *testing.T) {
	dir, public := certify(t)
	code, stdout, stderr := call(&off{}, "verify", "--key", public, dir)
	if code != 0 {
		t.Fatalf("code %d\n%s\n%s", code, stdout, stderr)
	}
	contains(t, stdout, "/0, run by test-worker-group/worker\n", "ok       public/a.txt\n", "ok       public/b.zip\n", "ok       public/logs/certified.log\n")
	if n := strings.Count(stdout, "ok "); n != 3 {
		t.Errorf("%d artifacts are certified:\n%s", n, stdout)
	}
	document, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(cot.CertificateName)))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(document), `"imageHash": "sha256:0"`, `"publicIpAddress": "192.0.2.1"`, `"region": "here"`, `"workerGroup": "test-worker-group"`, `"maxRunTime": 60`)
	if strings.Contains(string(document), "privateIpAddress") {
		t.Errorf("an address that is not known: %s", document)
	}
	log, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(cot.LogName)))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(log), "header", "printed\n", "=== Task Finished ===")
	t.Run("verify", func(t *testing.T) { wrongSets(t, dir, public) })
}

// wrongSets changes copies of a good set.
func wrongSets(t *testing.T, good, public string) {
	t.Helper()
	other := base64.StdEncoding.EncodeToString(make([]byte, 32))
	keyFile := filepath.Join(t.TempDir(), "public")
	keep(t, filepath.Dir(keyFile), "public", public+"\n")
	for name, test := range map[string]struct {
		key    string
		change func(dir string) error
		code   int
		says   string
	}{
		"key in a file":     {keyFile, nil, 0, "ok       public/a.txt"},
		"another key":       {other, nil, exitUnverified, "the signature does not fit"},
		"no key":            {"nonsense", nil, exitUnverified, "--key must be"},
		"changed artifact":  {public, func(dir string) error { return os.WriteFile(dir+"/public/a.txt", []byte("TEXT"), 0o600) }, exitUnverified, "wrong    public/a.txt: its sha256 is"},
		"missing artifact":  {public, func(dir string) error { return os.Remove(dir + "/public/b.zip") }, exitUnverified, "missing  public/b.zip\n"},
		"missing signature": {public, func(dir string) error { return os.Remove(dir + "/public/chain-of-trust.json.sig") }, exitUnverified, "neither public/chain-of-trust.json.sig nor chain-of-trust.json.sig"},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
			t.Fatal(err)
		}
		if test.change != nil {
			if err := test.change(dir); err != nil {
				t.Fatal(err)
			}
		}
		code, stdout, stderr := call(&off{}, "verify", "--key", test.key, dir)
		if code != test.code || !strings.Contains(stdout+stderr, test.says) {
			t.Errorf("%s: code %d\n%s\n%s", name, code, stdout, stderr)
		}
	}
	for says, all := range map[string][][]string{
		"--key is missing": {{"verify"}, {"verify", good}},
		"one folder":       {{"verify", "--key", public}, {"verify", "--key", public, good, good}},
	} {
		for _, args := range all {
			if code, _, stderr := call(&off{}, args...); code != exitUsage || !strings.Contains(stderr, "Usage:") || !strings.Contains(stderr, says) {
				t.Errorf("%v: code %d, %s", args, code, stderr)
			}
		}
	}
}

func TestSigningKey(t *testing.T) {
	t.Chdir(t.TempDir())
	c := config.Defaults()
	c.Ed25519SigningKeyLocation, c.Workerkit.Engine = "key", config.EngineMultiuser
	var log strings.Builder
	p := &program{config: &c, logger: slog.New(slog.NewTextHandler(&log, nil))}
	if _, err := p.signingKey(); err == nil || !strings.Contains(err.Error(), "generic-worker new-ed25519-keypair --file key") {
		t.Errorf("without a key: %v", err)
	}
	keep(t, ".", "key", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if key, err := p.signingKey(); err != nil || len(key) == 0 || log.Len() > 0 {
		t.Errorf("%v, log %s", err, &log)
	}
	if runtime.GOOS != "windows" { // where others have no rights by this mode
		if err := os.Chmod("key", 0o644); err != nil { //nolint:gosec // that is what is put right
			t.Fatal(err)
		}
		if _, err := p.signingKey(); err != nil || !strings.Contains(log.String(), "level=WARN") {
			t.Errorf("%v, log %s", err, &log)
		}
		if info, err := os.Stat("key"); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the key is left readable: %v, %v", info.Mode(), err)
		}
	}
	for _, change := range []func(){func() { c.EnableChainOfTrust = false }, func() { c.Workerkit.Engine = config.EngineInsecure }} {
		c.Ed25519SigningKeyLocation, c.EnableChainOfTrust, c.Workerkit.Engine = "none", true, config.EngineMultiuser
		change()
		if key, err := p.signingKey(); key != nil || err != nil {
			t.Errorf("where nothing is signed: %v", err)
		}
	}
}

// TestSchemaByProgram: the program's name chooses the engine, and with it what payloads may ask for.
func TestSchemaByProgram(t *testing.T) {
	accepts := func(program, payload string) bool {
		c := config.Defaults()
		c.Workerkit.Engine = chooseEngine("", program, "", false)
		schema, err := parts{config: &c}.schema()
		if err != nil {
			t.Fatal(err)
		}
		problems, err := schema.Validate(json.RawMessage(payload))
		if err != nil {
			t.Fatal(err)
		}
		return len(problems) == 0
	}
	command := `"command": [["true"]], "maxRunTime": 60`
	if runtime.GOOS == "windows" {
		command = `"command": ["true"], "maxRunTime": 60`
	}
	for features, isolated := range map[string]bool{
		`{"chainOfTrust": true}`: true, `{"runTaskAsCurrentUser": true}`: true, `{"chainOfTrust": false, "runTaskAsCurrentUser": false}`: false, `{"loopbackAudio": true, "loopbackVideo": true}`: false,
	} {
		payload := `{` + command + `, "features": ` + features + `}`
		if !accepts("generic-worker-multiuser", payload) || accepts("generic-worker-insecure", payload) == isolated {
			t.Errorf("%s", features)
		}
	}
}
