package taskclusterproxy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcsecrets"
	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/plugins/taskclusterproxy"
	"github.com/workerkit/workerkit/worker/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const asked = `{"features": {"taskclusterProxy": true}, "taskclusterProxyInterface": "docker-bridge"}`

func newPlugin(t *testing.T, rootURL string) *taskclusterproxy.Plugin {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return taskclusterproxy.New(taskclusterproxy.Config{
		RootURL: rootURL, Transport: transport, Retry: retry.Policy{Initial: time.Millisecond, Attempts: 2},
	})
}

func TestConforms(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New: func(t *testing.T, _ *plugintest.Store) plugins.Plugin {
			return newPlugin(t, "https://tc.example.com")
		},
		Payload: asked,
	})
}

// plain is a builder without abilities.
type plain struct{ env map[string]string }

func (b plain) Setenv(name, value string) error              { b.env[name] = value; return nil }
func (plain) Start(context.Context) (engines.Sandbox, error) { return nil, errors.New("not here") }
func (plain) Discard(context.Context) error                  { return nil }

// proxier is one whose handlers are reached at any free port.
type proxier struct {
	plain
	t *testing.T
}

func (b proxier) Proxy(_ context.Context, name string, h http.Handler) (string, error) {
	if name != "taskcluster" {
		b.t.Errorf("the proxy is called %q", name)
	}
	server := httptest.NewServer(h)
	b.t.Cleanup(server.Close)
	return server.URL, nil
}

func TestEngineWithoutProxies(t *testing.T) {
	h, err := newPlugin(t, "https://tc.example.com").New(plugintest.NewRun(t, asked).Run)
	if err != nil {
		t.Fatal(err)
	}
	err = h.(plugins.Builder).Build(t.Context(), plain{map[string]string{}})
	if !errors.Is(err, engines.ErrNotSupported) || !strings.Contains(err.Error(), "taskclusterProxy") {
		t.Errorf("%v", err)
	}
}

func TestDisabledRefusesOnlyTheTaskThatAsks(t *testing.T) {
	p := taskclusterproxy.New(taskclusterproxy.Config{Disabled: true})
	for _, payload := range []string{``, `{}`, `{"features": {"taskclusterProxy": false}, "taskclusterProxyInterface": "localhost"}`} {
		if h, err := p.New(plugintest.NewRun(t, payload).Run); h != nil || err != nil {
			t.Errorf("%s: %v, %v", payload, h, err)
		}
	}
	_, err := p.New(plugintest.NewRun(t, asked).Run)
	if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), "provisioner/pool") {
		t.Errorf("asked for: %v", err)
	}
}

// claim makes a task with these scopes and claims it.
func claim(t *testing.T, i *localtest.Instance, scopes ...string) (*plugintest.Run, *atomic.Pointer[tc.Credentials]) {
	t.Helper()
	id := i.CreateTask(t, "tests/pool", json.RawMessage(asked), func(d *tcqueue.TaskDefinitionRequest) { d.Scopes = scopes })
	claimed, err := tcqueue.New(i.Credentials(), i.RootURL).ClaimWork("tests/pool", &tcqueue.ClaimWorkRequest{Tasks: 1, WorkerGroup: "g", WorkerID: "w"})
	if err != nil || len(claimed.Tasks) != 1 || claimed.Tasks[0].Status.TaskID != id {
		t.Fatalf("claimed %+v, %v", claimed, err)
	}
	given := claimed.Tasks[0].Credentials
	current := &atomic.Pointer[tc.Credentials]{}
	current.Store(&tc.Credentials{ClientID: given.ClientID, AccessToken: secret.New(given.AccessToken), Certificate: secret.New(given.Certificate)})
	run := plugintest.NewRun(t, asked)
	run.TaskID, run.Definition.Scopes = id, scopes
	run.Credentials = func() tc.Credentials { return *current.Load() }
	return run, current
}

// TestTaskCallsTaskcluster is what a task does with it, against services that check signatures and scopes.
func TestTaskCallsTaskcluster(t *testing.T) {
	i := localtest.Start(t)
	for _, name := range []string{"project/mine", "project/other"} {
		err := tcsecrets.New(i.Credentials(), i.RootURL).Set(name, &tcsecrets.Secret{
			Expires: tcclient.Time(time.Now().Add(time.Hour)), Secret: json.RawMessage(`{"k": "v"}`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	run, current := claim(t, i, "secrets:get:project/mine")
	h, err := newPlugin(t, i.RootURL).New(run.Run)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	if err := h.(plugins.Builder).Build(t.Context(), proxier{plain{env}, t}); err != nil {
		t.Fatal(err)
	}
	first := current.Load()
	for _, renewed := range []bool{false, true} {
		if renewed { // as after a reclaim: the former ones are of no use any more
			again, err := tcqueue.New(&tcclient.Credentials{ClientID: first.ClientID, AccessToken: first.AccessToken.Reveal(), Certificate: first.Certificate.Reveal()}, i.RootURL).ReclaimTask(run.TaskID, "0")
			if err != nil {
				t.Fatal(err)
			}
			current.Store(&tc.Credentials{ClientID: again.Credentials.ClientID, AccessToken: secret.New(again.Credentials.AccessToken), Certificate: secret.New(again.Credentials.Certificate)})
		}
		for _, call := range []struct {
			method, path, body string
			want               int
		}{
			{"GET", "/api/queue/v1/task/" + run.TaskID, "", 200},
			{"GET", "/queue/v1/task/" + run.TaskID, "", 200},
			{"POST", "/api/queue/v1/task/" + run.TaskID + "/runs/0/artifacts/public%2Fmine", artifact(run.Definition.Deadline), 200},
			{"GET", "/api/secrets/v1/secret/project%2Fmine", "", 200},
			{"GET", "/secrets/v1/secret/project/mine", "", 200},
			{"GET", "/api/secrets/v1/secret/project%2Fother", "", 403},
			{"POST", "/api/queue/v1/task/" + run.TaskID + "/runs/0/completed", "", 403}, // which is the worker's
			{"GET", "/api/queue/v1/task/UOq9JeqHT3KyoEmN6J_Row", "", 404},
		} {
			status, reply := do(t, call.method, env["TASKCLUSTER_PROXY_URL"]+call.path, call.body)
			if status != call.want {
				t.Errorf("renewed %v, %s %s: %d, %s", renewed, call.method, call.path, status, reply)
			}
			newest := current.Load()
			for _, hidden := range []string{newest.AccessToken.Reveal(), first.AccessToken.Reveal()} {
				if strings.Contains(reply+run.WorkerLog.String(), hidden) {
					t.Errorf("%s shows the access token", call.path)
				}
			}
		}
	}
	if log := run.TaskLog(t); log != "" {
		t.Errorf("task log %q", log)
	}
	signedURL(t, i, env["TASKCLUSTER_PROXY_URL"])
}

// signedURL has a URL signed and calls it without the proxy.
func signedURL(t *testing.T, i *localtest.Instance, proxy string) {
	t.Helper()
	for path, want := range map[string]int{"mine": 200, "other": 403} {
		status, signed := do(t, "POST", proxy+"/bewit", i.RootURL+"/api/secrets/v1/secret/project%2F"+path)
		if status != http.StatusSeeOther {
			t.Fatalf("bewit: %d, %s", status, signed)
		}
		if status, reply := do(t, "GET", signed, ""); status != want {
			t.Errorf("signed URL of %s: %d, %s", path, status, reply)
		}
	}
}

func artifact(expires time.Time) string {
	return fmt.Sprintf(`{"storageType": "reference", "url": "https://example.com/", "contentType": "text/html", "expires": %q}`, expires.Format(time.RFC3339))
}

func do(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	reply, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(text)
}
