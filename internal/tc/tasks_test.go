package tc_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
)

// served is a deployment that answers each "METHOD path?query" with a fixed JSON text.
type served struct {
	*tc.Client
	bodies map[string]string // what was sent
	signed map[string]bool   // with an Authorization header
}

func serve(t *testing.T, replies map[string]string) *served {
	t.Helper()
	s := &served{bodies: map[string]string{}, signed: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/api/")
		body, _ := io.ReadAll(r.Body)
		s.bodies[call], s.signed[call] = string(body), r.Header.Get("Authorization") != ""
		reply, known := replies[call]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			reply = `{"code":"ResourceNotFound","message":"no such thing: ` + call + `"}`
		}
		_, _ = io.WriteString(w, reply)
	}))
	t.Cleanup(server.Close)
	s.Client = tc.New(server.URL, server.Client(), retry.Policy{Initial: time.Millisecond, Total: time.Millisecond})
	return s
}

func someone() tc.Source {
	return tc.Fixed(tc.Credentials{ClientID: "me", AccessToken: secret.New("token")})
}

func TestTasks(t *testing.T) {
	const status = `{"status":{"state":"exception","retriesLeft":2,"runs":[
		{"runId":0,"state":"exception","reasonResolved":"intermittent-task","workerGroup":"g","workerId":"w"},
		{"runId":1,"state":"running","workerGroup":"g","workerId":"w"}]}}`
	s := serve(t, map[string]string{
		"PUT queue/v1/task/T":                                         status,
		"GET queue/v1/task/T/status":                                  status,
		"POST queue/v1/task/T/cancel":                                 status,
		"GET queue/v1/task/T/runs/1/artifacts":                        `{"artifacts":[{"name":"a","storageType":"s3","contentType":"x/y"}],"continuationToken":"more"}`,
		"GET queue/v1/task/T/runs/1/artifacts?continuationToken=more": `{"artifacts":[{"name":"b","storageType":"link"}]}`,
	})
	tasks := s.Tasks(someone())

	definition := `{"payload":{},"unknown":"stays"}`
	if err := tasks.Create(t.Context(), "T", json.RawMessage(definition)); err != nil {
		t.Fatal(err)
	}
	if sent := s.bodies["PUT queue/v1/task/T"]; sent != definition || !s.signed["PUT queue/v1/task/T"] {
		t.Errorf("sent %s", sent)
	}

	got, err := tasks.Status(t.Context(), "T")
	want := tc.TaskStatus{State: "exception", Retries: 2, Runs: []tc.RunStatus{
		{ID: 0, State: "exception", Reason: "intermittent-task", Worker: "g/w"},
		{ID: 1, State: "running", Worker: "g/w"},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if !got.Resolved() || !got.Runs[0].Resolved() || got.Runs[1].Resolved() {
		t.Error("Resolved is wrong")
	}

	artifacts, err := tasks.Artifacts(t.Context(), "T", 1)
	if diff := cmp.Diff([]tc.ArtifactInfo{{"a", "s3", "x/y"}, {"b", "link", ""}}, artifacts); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if err := tasks.Cancel(t.Context(), "T"); err != nil {
		t.Error(err)
	}
}

func TestTasksFailWithTheServicesWords(t *testing.T) {
	s := serve(t, nil)
	tasks := s.Tasks(someone())
	for op, call := range map[string]func(context.Context) error{
		"queue.createTask":    func(ctx context.Context) error { return tasks.Create(ctx, "T", json.RawMessage(`{}`)) },
		"queue.status":        func(ctx context.Context) error { _, err := tasks.Status(ctx, "T"); return err },
		"queue.cancelTask":    func(ctx context.Context) error { return tasks.Cancel(ctx, "T") },
		"queue.listArtifacts": func(ctx context.Context) error { _, err := tasks.Artifacts(ctx, "T", 0); return err },
	} {
		err := call(t.Context())
		if tc.Status(err) != http.StatusNotFound || !strings.HasPrefix(err.Error(), op+": 404 ResourceNotFound: no such thing") {
			t.Errorf("%s: %v", op, err)
		}
	}
}

func TestArtifactURL(t *testing.T) {
	client := tc.New("https://tc.example.com", http.DefaultClient, retry.Policy{})
	signed, err := client.Tasks(someone()).ArtifactURL("T", 3, "private/a b.log", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	if want := "/api/queue/v1/task/T/runs/3/artifacts/private%2Fa%20b.log"; u.EscapedPath() != want || u.Query().Get("bewit") == "" {
		t.Errorf("got %s", signed)
	}
	if strings.Contains(signed, "token") {
		t.Errorf("the access token is in %s", signed)
	}
	open, err := client.Tasks(tc.Anonymous()).ArtifactURL("T", 0, "public/x", time.Minute)
	if err != nil || open != "https://tc.example.com/api/queue/v1/task/T/runs/0/artifacts/public%2Fx" {
		t.Errorf("without credentials: %s, %v", open, err)
	}
}

func TestPools(t *testing.T) {
	const pool, worker = "PUT worker-manager/v1/worker-pool/a%2Fb", "PUT worker-manager/v1/workers/a%2Fb/g/w"
	s := serve(t, map[string]string{pool: "{}", worker: "{}"})
	pools := s.Pools(someone())
	if err := pools.Create(t.Context(), "a/b", json.RawMessage(`{"providerId":"static"}`)); err != nil || s.bodies[pool] != `{"providerId":"static"}` {
		t.Errorf("%v, sent %s", err, s.bodies[pool])
	}
	expires := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := pools.CreateStatic(t.Context(), "a/b", "g", "w", expires, secret.New("s3cret")); err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Capacity     int
		Expires      string
		ProviderInfo struct{ StaticSecret string }
	}
	if err := json.Unmarshal([]byte(s.bodies[worker]), &sent); err != nil {
		t.Fatal(err)
	}
	if sent.Capacity != 1 || sent.Expires != "2026-01-02T03:04:05.000Z" || sent.ProviderInfo.StaticSecret != "s3cret" {
		t.Errorf("sent %+v", sent)
	}
	err := pools.CreateStatic(t.Context(), "a/b", "g", "other", expires, secret.New("s3cret"))
	if tc.Status(err) != http.StatusNotFound || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}
