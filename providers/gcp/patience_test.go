package gcp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/gcp"
)

func kind() providers.Kind { return gcp.Kind() }

// script is a metadata server without a network, for tests in a bubble of time.
type script func(r *http.Request) (status int, etag, body string)

func (s script) RoundTrip(r *http.Request) (*http.Response, error) {
	status, etag, body := s(r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Etag": {etag}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// hangs lets time pass as a server that holds a call back.
func hangs(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// watchFor lets a provider watch for so long, and returns its notices and its log.
func watchFor(t *testing.T, d time.Duration, s script) (notices []providers.Notice, log string) {
	t.Helper()
	return watchTransport(t, d, s)
}

func watchTransport(t *testing.T, d time.Duration, s http.RoundTripper) (notices []providers.Notice, log string) {
	t.Helper()
	var written bytes.Buffer
	p := gcp.Kind().New(providers.NewValues(map[string]any{"metadataEndpoint": "127.0.0.1"}), providers.Deps{
		Log: slog.New(slog.NewTextHandler(&written, nil)), Metadata: s,
	})
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for {
		n, err := p.(providers.Watcher).Watch(ctx)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Watch gave up: %v", err)
			}
			return notices, written.String()
		}
		notices = append(notices, n)
	}
}

// TestFailuresDoNotSpin has servers that never answer as they should.
func TestFailuresDoNotSpin(t *testing.T) {
	for name, reply := range map[string]struct {
		status     int
		etag, body string
	}{
		"401": {401, "", ""}, "403": {403, "", ""}, "404": {404, "", ""}, "503": {503, "", ""}, "400": {400, "", ""},
		"no JSON":           {200, "e", "<html>"},
		"no waiting":        {200, "e", `{"preempted":"FALSE"}`},
		"no ETag":           {200, "", `{"preempted":"FALSE"}`},
		"a redirect":        {302, "", ""},
		"nothing but space": {200, "e", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				notices, log := watchFor(t, time.Hour, func(*http.Request) (int, string, string) {
					calls++
					return reply.status, reply.etag, reply.body
				})
				if len(notices) > 0 || calls > 500 || calls < 240 {
					t.Errorf("%d calls in an hour, notices %v", calls, notices)
				}
				if n := strings.Count(log, "\n"); n < 1 || n > 3 {
					t.Errorf("%d lines of log:\n%s", n, log)
				}
			})
		})
	}
}

// TestPreemptionAfterTrouble has a server that comes back after an hour, when only a few of the
// 30 seconds of a preemption's notice may be lost.
func TestPreemptionAfterTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var heard time.Duration
		notices, _ := watchFor(t, time.Hour+30*time.Second, func(r *http.Request) (int, string, string) {
			if time.Since(began) < time.Hour {
				return 503, "", ""
			}
			if heard == 0 {
				heard = time.Since(began) - time.Hour
			} else {
				hangs(r, time.Minute)
			}
			return 200, "e1", `{"preempted":"TRUE"}`
		})
		if len(notices) != 1 || heard > 15*time.Second {
			t.Errorf("notices %v, heard after %v", notices, heard)
		}
	})
}

// TestRestlessMetadata has metadata of which something changes all the time.
func TestRestlessMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		notices, log := watchFor(t, time.Minute, func(*http.Request) (int, string, string) {
			calls++
			return 200, fmt.Sprint("e", calls), `{"preempted":"FALSE","upcomingMaintenance":"NONE"}`
		})
		if len(notices) > 0 || log != "" || calls > 70 || calls < 50 {
			t.Errorf("%d calls in a minute, notices %v, log %s", calls, notices, log)
		}
	})
}

// TestOneTroubleIsLoggedOnce has connections that are reset, each from a port of its own.
func TestOneTroubleIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := 40000
		_, log := watchTransport(t, 10*time.Minute, transportFunc(func(*http.Request) (*http.Response, error) {
			port++
			from := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: port}
			return nil, &net.OpError{Op: "read", Net: "tcp", Source: from, Err: errors.New("connection reset by peer")}
		}))
		if n := strings.Count(log, "\n"); n != 1 {
			t.Errorf("%d lines of log:\n%s", n, log)
		}
	})
}

// TestIdleCalls counts the calls while nothing happens.
func TestIdleCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := map[string]int{}
		notices, log := watchFor(t, 10*time.Minute, func(r *http.Request) (int, string, string) {
			calls[strings.TrimPrefix(r.URL.Path, "/computeMetadata/v1/instance/")]++
			query := r.URL.Query()
			if query.Get("wait_for_change") == "true" && query.Get("last_etag") == "e1" && query.Get("timeout_sec") == "60" {
				hangs(r, time.Minute)
			}
			return 200, "e1", `{"preempted":"FALSE","maintenanceEvent":"NONE","upcomingMaintenance":"NONE"}`
		})
		if len(notices) > 0 || log != "" {
			t.Errorf("notices %v, log %s", notices, log)
		}
		// One call for what there is, then one a minute that hangs; the others are made once.
		if calls[""] > 12 || calls["maintenance-event"] != 1 || calls["upcoming-maintenance"] != 1 {
			t.Errorf("calls in ten minutes: %v", calls)
		}
	})
}

// TestUpcomingIsAskedFor has instances whose metadata does not include upcoming maintenance.
func TestUpcomingIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string // the deadline, "" for no notice
	}{
		"underscores": {200, `{"type":"SCHEDULED","window_start_time":"2026-12-01T19:00:01Z"}`, "2026-12-01T19:00:01Z"},
		"camel case":  {200, `{"windowStartTime":"2026-12-01T19:00:01Z","canReschedule":true}`, "2026-12-01T19:00:01Z"},
		"none":        {200, `"NONE"`, ""},
		"bare none":   {200, `NONE`, ""},
		"nothing":     {200, `{ }`, ""},
		"not yet":     {503, `{ "error": "no notifications have been received yet, try again later" }`, ""},
		"not there":   {404, ``, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				notices, log := watchFor(t, time.Hour, func(r *http.Request) (int, string, string) {
					if strings.HasSuffix(r.URL.Path, "upcoming-maintenance") {
						asked++
						return c.status, "", c.body
					}
					if r.URL.Query().Get("wait_for_change") != "" {
						hangs(r, time.Minute)
					}
					return 200, "e1", `{"preempted":"FALSE"}`
				})
				if asked < 5 || asked > 7 || log != "" {
					t.Errorf("asked %d times in an hour, log %s", asked, log)
				}
				got := ""
				for _, n := range notices {
					got += n.Deadline.Format(time.RFC3339)
				}
				if got != c.want {
					t.Errorf("notices %v, want %s", notices, c.want)
				}
			})
		})
	}
}

// TestDeadConnection has a server that is gone without a word, as after a migration.
func TestDeadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var heard time.Duration
		notices, _ := watchFor(t, 5*time.Minute, func(r *http.Request) (int, string, string) {
			switch {
			case r.URL.Query().Get("wait_for_change") == "":
				return 200, "e1", `{"preempted":"FALSE","upcomingMaintenance":"NONE"}`
			case heard == 0:
				heard = 1
				hangs(r, time.Minute+5*time.Second) // what internal/imds allows
				return 504, "", ""
			case heard == 1:
				heard = time.Since(began)
				return 200, "e2", `{"preempted":"TRUE","upcomingMaintenance":"NONE"}`
			default:
				hangs(r, time.Minute)
				return 200, "e2", `{"preempted":"TRUE","upcomingMaintenance":"NONE"}`
			}
		})
		if len(notices) != 1 || heard > 66*time.Second {
			t.Errorf("notices %v, heard after %v", notices, heard)
		}
	})
}

// TestAttribute has attributes that are no use. No error may show what is in them.
func TestAttribute(t *testing.T) {
	for attribute, want := range map[string]string{
		`{}`:                                 "no attribute taskcluster",
		`{"taskcluster":"hush {"}`:           "cannot be read",
		`{"taskcluster":"[\"hush\"]"}`:       "cannot be read",
		`{"taskcluster":"{\"rootUrl\":1}"}`:  "cannot be read",
		`{"taskcluster":"{\"hush\":\"a\"}"}`: "lacks rootUrl, providerId, workerPoolId, workerGroup;",
		`{"taskcluster":"{\"rootUrl\":\"hush\",\"providerId\":\"p\",\"workerPoolId\":\"a/b\",\"workerGroup\":\"g\"}"}`:               "rootUrl",
		`{"taskcluster":"{\"rootUrl\":\"https://tc\",\"providerId\":\"p\",\"workerPoolId\":\"hush\",\"workerGroup\":\"g\"}"}`:        "workerPoolId that cannot be one",
		`{"taskcluster":"{\"rootUrl\":\"https://tc\",\"providerId\":\"p\",\"workerPoolId\":\"a/b\",\"workerGroup\":\"hush hush\"}"}`: "workerGroup that cannot be one",
	} {
		p := gcp.Kind().New(providers.NewValues(map[string]any{"metadataEndpoint": "127.0.0.1"}), providers.Deps{
			Log: slog.New(slog.DiscardHandler), Metadata: script(func(*http.Request) (int, string, string) {
				return 200, "e", `{"id":1234567890123456789,"zone":"projects/1/zones/europe-west1-b","attributes":` + attribute + `}`
			}),
		})
		_, err := p.Identify(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", attribute, err)
		}
		if !strings.Contains(err.Error(), "rootUrl") {
			t.Errorf("%s: the error does not say what is expected: %v", attribute, err)
		}
	}
}

// TestNoServiceAccount has an instance without one: nothing proves who it is.
func TestNoServiceAccount(t *testing.T) {
	p := gcp.Kind().New(providers.NewValues(nil), providers.Deps{
		Log: slog.New(slog.DiscardHandler), Metadata: script(func(r *http.Request) (int, string, string) {
			if strings.HasSuffix(r.URL.Path, "/identity") {
				return 404, "", ""
			}
			return 200, "e", `{"id":1,"zone":"a/b-c","attributes":{"taskcluster":"{\"rootUrl\":\"https://tc\",\"providerId\":\"p\",\"workerPoolId\":\"a/b\",\"workerGroup\":\"g\"}"}}`
		}),
	})
	if _, err := p.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Proof(t.Context()); err == nil || !strings.Contains(err.Error(), "service account") {
		t.Errorf("got %v", err)
	}
}
