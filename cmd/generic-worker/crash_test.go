package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/config"
)

// collector is a deployment whose auth service leads crash reports back to it.
type collector struct {
	*httptest.Server
	events chan string
	calls  atomic.Int32
}

func newCollector(t *testing.T, handle http.HandlerFunc) *collector {
	t.Helper()
	c := &collector{events: make(chan string, 1)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.calls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case handle != nil:
			handle(w, r)
		case r.URL.Path == "/api/auth/v1/sentry/project/dsn":
			dsn := strings.Replace(c.URL, "://", "://HIDDEN-key:HIDDEN-secret@", 1) + "/7"
			_, _ = io.WriteString(w, `{"project":"project","dsn":{"public":"`+dsn+`","secret":"`+dsn+`"},"expires":"2030-01-01T00:00:00.000Z"}`)
		case r.URL.Path == "/api/7/store/":
			data, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			c.events <- string(data)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func crashing(c *collector, project string) (*program, *bytes.Buffer) {
	var log bytes.Buffer
	p := &program{logger: slog.New(slog.NewTextHandler(&log, nil)), config: &config.Config{
		RootURL: c.URL, SentryProject: project, ProvisionerID: "proj", WorkerType: "pool", WorkerID: "w-1",
		AccessToken: secret.New("HIDDEN-first"), Certificate: secret.New("HIDDEN-certificate"),
	}}
	p.credentials.Store(&tc.Credentials{ClientID: "c", AccessToken: secret.New("HIDDEN-second"), Certificate: secret.New(`{"version":1,"scopes":["*"],"start":1,"expiry":9999999999999,"seed":"HIDDEN","signature":"HIDDEN"}`)})
	return p, &log
}

func TestCrashReport(t *testing.T) {
	c := newCollector(t, nil)
	p, log := crashing(c, "project")
	p.credentials.Store(&tc.Credentials{ClientID: "c", AccessToken: secret.New("HIDDEN-second")})
	p.crash(t.Context(), &panicked{"it broke with HIDDEN-first and HIDDEN-second and HIDDEN-certificate", "main.broken(HIDDEN-first)"})
	if log.Len() > 0 {
		t.Fatal(log)
	}
	event := <-c.events
	for _, part := range []string{"it broke with [redacted] and [redacted] and [redacted]", "main.broken", `"workerPoolId":"proj/pool"`, `"workerId":"w-1"`} {
		if !strings.Contains(event, part) {
			t.Errorf("%q is not in %s", part, event)
		}
	}
	if strings.Contains(event, "HIDDEN") {
		t.Errorf("a secret is in %s", event)
	}
}

func TestNoCrashReport(t *testing.T) {
	c := newCollector(t, nil)
	p, log := crashing(c, "")
	p.crash(t.Context(), errors.New("x"))
	if c.calls.Load() != 0 || log.Len() > 0 {
		t.Errorf("%d calls; %s", c.calls.Load(), log)
	}
}

// TestCrashReportFails: it is a line of the log, and keeps nobody waiting.
func TestCrashReportFails(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	for name, handle := range map[string]http.HandlerFunc{
		"refused": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"silent": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
	} {
		c := newCollector(t, handle)
		p, log := crashing(c, "project")
		ctx, done := context.WithTimeout(t.Context(), 200*time.Millisecond)
		p.crash(ctx, errors.New("x"))
		done()
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "not reported") || strings.Contains(log.String(), "HIDDEN") {
			t.Errorf("%s: %s", name, log)
		}
	}
}
