package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/static"
	"github.com/workerkit/workerkit/runner"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/policy"
	"github.com/workerkit/workerkit/runner/swaptest"
	"github.com/workerkit/workerkit/runner/textlog"
)

func TestMain(m *testing.M) { swaptest.Main(m) }

const pool = "proj/linux"

// bench is a deployment and a machine that it knows.
type bench struct {
	t          *testing.T
	deployment *localtest.Instance
	config     config.Config
	dir        string
	fail       string // a part of a path; the first call there fails with 503, while it is set

	// identifies, when not nil, is awaited by a provider of identify.
	identifies chan struct{}

	mu       sync.Mutex
	log      bytes.Buffer
	poweroff int
	proves   func(providers.Kind) bool
	reboots  int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, deployment: localtest.Start(t), dir: t.TempDir()}
	w := b.deployment.Pool(t, pool)
	b.config = config.Config{
		Place: config.Place{Kind: static.Kind(), Values: providers.NewValues(map[string]any{
			"rootURL": b.deployment.RootURL, "providerID": "static", "workerPoolID": w.PoolID, "workerGroup": w.Group, "workerID": w.ID,
			"staticSecret": w.Secret,
		})},
		Worker:       config.Worker{Implementation: config.GenericWorker, Path: swaptest.Program(t), ConfigPath: filepath.Join(b.dir, "worker.json")},
		WorkerConfig: map[string]any{"ed25519SigningKeyLocation": "key", "workerTypeMetadata": map[string]any{"list": []any{"file"}}},
		GetSecrets:   true,
		Policy:       table(false),
	}
	return b
}

// table is the default one, but for restarts, which are few and quick.
func table(ephemeral bool) policy.Table {
	t := policy.Defaults(policy.Place{Ephemeral: ephemeral})
	rule := t[policy.Crashed]
	rule.Restarts, rule.BackOff = 1, time.Millisecond
	t[policy.Crashed] = rule
	return t
}

func (b *bench) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(p)
}

func (b *bench) logged() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.String()
}

func (b *bench) deps() runner.Deps {
	client := tc.NewHTTP()
	if b.fail != "" {
		client.Transport = &refusing{RoundTripper: client.Transport, path: b.fail}
	}
	return runner.Deps{
		Log: slog.New(textlog.New(b)), HTTP: client, Stdout: b, Stderr: b,
		// Long ago: no hold delays these tests. Holds are tested in a bubble.
		BootTime: func() (time.Time, error) { return time.Now().Add(-time.Hour), nil },
		BootID:   func() (string, error) { return "this-boot", nil },
		PowerOff: func(ctx context.Context) error { b.poweroff++; return ctx.Err() },
		Proves:   b.proves,
		Reboot:   func(ctx context.Context) error { b.reboots++; return ctx.Err() },
		Patience: 2 * time.Second, Fallback: 200 * time.Millisecond, Grace: 20 * time.Second,
	}
}

// refusing makes the first call to a path fail.
type refusing struct {
	http.RoundTripper
	path string
	once sync.Once
}

func (f *refusing) RoundTrip(r *http.Request) (reply *http.Response, err error) {
	if strings.Contains(r.URL.Path, f.path) {
		f.once.Do(func() {
			reply = &http.Response{StatusCode: http.StatusServiceUnavailable, Status: "503 Busy", Body: http.NoBody, Header: http.Header{}, Request: r}
		})
	}
	if reply != nil {
		return reply, nil
	}
	return f.RoundTripper.RoundTrip(r)
}

func (f *refusing) CloseIdleConnections() {
	(&http.Client{Transport: f.RoundTripper}).CloseIdleConnections()
}

// run runs a worker that follows the script to its end.
func (b *bench) run(ctx context.Context, script string) error {
	b.t.Helper()
	b.t.Setenv(swaptest.ScriptEnv, script)
	b.t.Setenv(swaptest.InboxEnv, filepath.Join(b.dir, "inbox"))
	d := b.deps()
	defer d.HTTP.CloseIdleConnections() // the server would wait for those that were never used
	return runner.Run(ctx, b.config, d)
}

// poolConfig sets the config of the worker pool.
func (b *bench) poolConfig(text string) {
	b.t.Helper()
	_, err := tcworkermanager.New(b.deployment.Credentials(), b.deployment.RootURL).UpdateWorkerPool(pool, &tcworkermanager.WorkerPoolDefinition1{
		ProviderID: "static", Config: json.RawMessage(text), Owner: "owner@example.com",
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) state() string {
	b.config.StateFile = filepath.Join(b.dir, "state.json")
	return b.config.StateFile
}

// rendered is the worker's config.
func (b *bench) rendered() map[string]any {
	b.t.Helper()
	data, err := os.ReadFile(b.config.Worker.ConfigPath)
	var c map[string]any
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) inbox() string {
	data, err := os.ReadFile(filepath.Join(b.dir, "inbox"))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

func (b *bench) calls(method string) int {
	n := 0
	for _, c := range b.deployment.Calls() {
		if c.Method == method {
			n++
		}
	}
	return n
}

func (b *bench) expectLog(parts ...string) {
	b.t.Helper()
	for _, part := range parts {
		if !strings.Contains(b.logged(), part) {
			b.t.Errorf("no %q in the log:\n%s", part, b.logged())
		}
	}
}

// ephemeral makes the place one whose machines worker-manager made.
func (b *bench) ephemeral() {
	b.config.Place.Kind.Ephemeral = true
	b.config.Policy = table(true)
}

// watched is a provider that gives notices.
type watched struct {
	providers.Provider
	notices chan providers.Notice
}

func (w watched) Watch(ctx context.Context) (providers.Notice, error) {
	select {
	case n := <-w.notices:
		return n, nil
	case <-ctx.Done():
		return providers.Notice{}, ctx.Err()
	}
}

// watchOn makes the machine one that gets the notices that are sent.
func (b *bench) watchOn(c chan providers.Notice) {
	inner := b.config.Place.Kind.New
	b.config.Place.Kind.New = func(v providers.Values, d providers.Deps) providers.Provider { return watched{inner(v, d), c} }
}

// unknown is a provider that identifies the machine late, or not.
type unknown struct {
	providers.Provider
	await <-chan struct{}
	err   error
}

func (u unknown) Identify(ctx context.Context) (providers.Identity, error) {
	if u.await != nil {
		<-u.await
	}
	if u.err != nil {
		return providers.Identity{}, u.err
	}
	return u.Provider.Identify(ctx)
}

// identify makes the machine one that is identified with this error, after b.identifies.
func (b *bench) identify(err error) {
	inner := b.config.Place.Kind.New
	b.config.Place.Kind.New = func(v providers.Values, d providers.Deps) providers.Provider {
		return unknown{inner(v, d), b.identifies, err}
	}
}

// value changes one of the provider's values.
func (b *bench) value(name, text string) {
	v := map[string]any{name: text}
	for _, f := range b.config.Place.Kind.Fields {
		if old := b.config.Place.Values.Text(f.Name); old != "" && f.Name != name {
			v[f.Name] = old
		}
	}
	b.config.Place.Values = providers.NewValues(v)
}
