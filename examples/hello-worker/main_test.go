package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
)

const pool = "examples/hello"

// TestTasks gives a deployment's tasks to the worker, and reads what comes of them.
func TestTasks(t *testing.T) {
	tcl := localtest.Start(t)
	root := tc.Credentials{ClientID: tcl.ClientID, AccessToken: secret.New(tcl.AccessToken)}
	want := map[string]struct {
		payload, state string
		log            []string
	}{
		"good":    {`{"hello": "hello, error\nworld\n", "features": {"countErrors": true}}`, "completed", []string{"\nhello, error\nworld\n", "Lines with an error: 1\n"}},
		"bad":     {`{"hello": "x\n", "exitCode": 3}`, "failed", []string{"\nx\n", "[taskcluster:error] exit status 3\n"}},
		"invalid": {`{"goodbye": "x"}`, "exception", []string{"[taskcluster:error] TASK FAIL since the task payload is invalid"}},
	}
	ids := map[string]string{}
	for name, c := range want {
		ids[name] = tcl.CreateTask(t, pool, json.RawMessage(c.payload))
	}
	p := program{rootURL: tcl.RootURL, pool: pool, credentials: root, tasks: len(ids), logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	tasks := tc.New(tcl.RootURL, tc.NewHTTP(), retry.API()).Tasks(tc.Fixed(root))
	for name, c := range want {
		status, err := tasks.Status(t.Context(), ids[name])
		if err != nil {
			t.Fatal(err)
		}
		log := fetch(t, tasks, ids[name])
		if status.State != c.state {
			t.Errorf("%s: %s, want %s", name, status.State, c.state)
		}
		for _, part := range c.log {
			if !strings.Contains(log, part) {
				t.Errorf("%s: the log lacks %q:\n%s", name, part, log)
			}
		}
		if counted := strings.Contains(log, "Lines with an error"); counted != (name == "good") {
			t.Errorf("%s: counted: %v", name, counted)
		}
	}
}

// fetch returns a task's log.
func fetch(t *testing.T, tasks tc.Tasks, id string) string {
	t.Helper()
	url, err := tasks.ArtifactURL(id, 0, "public/logs/live_backing.log", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An interrupt ends a worker that waits for tasks.
func TestInterrupt(t *testing.T) {
	tcl := localtest.Start(t, localtest.LongPoll(100*time.Millisecond))
	ctx, interrupt := context.WithCancel(t.Context())
	defer time.AfterFunc(50*time.Millisecond, interrupt).Stop()
	p := program{
		rootURL: tcl.RootURL, pool: pool, tasks: 1, logger: slog.New(slog.DiscardHandler),
		credentials: tc.Credentials{ClientID: tcl.ClientID, AccessToken: secret.New(tcl.AccessToken)},
	}
	if err := p.run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestUsage(t *testing.T) {
	var said strings.Builder
	none := func(string) string { return "" }
	if code := command(nil, none, &said); code != 1 || !strings.HasPrefix(said.String(), "usage: ") {
		t.Errorf("%d: %s", code, said.String())
	}
}
