package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/local/api"
)

func sprint(v any) string { return fmt.Sprint(v) }

// TestDelay shows in a bubble of false time that a reply waits once, from when it is ready.
func TestDelay(t *testing.T) {
	for name, reply := range map[string]http.HandlerFunc{
		"header and body": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			fmt.Fprint(w, "one")
			fmt.Fprint(w, "two")
		},
		"body":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "one") },
		"nothing": func(http.ResponseWriter, *http.Request) {},
	} {
		synctest.Test(t, func(t *testing.T) {
			const work, delay = 100 * time.Millisecond, 8 * time.Millisecond
			handler := api.Delay(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(work)
				reply(w, r)
			}), delay)
			start := time.Now()
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
			if took := time.Since(start); took != work+delay {
				t.Errorf("%s: %v", name, took)
			}
		})
	}
}

func TestDelayEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		handler := api.Delay(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") }), time.Hour)
		start := time.Now()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
		if took := time.Since(start); took != time.Second {
			t.Errorf("%v", took)
		}
	})
}

func TestObserve(t *testing.T) {
	f := serve(t, handle("secrets", map[string]api.Handler{"remove": returning(nil)}))
	for _, c := range []struct {
		method, path string
		want         api.Call
	}{
		{"DELETE", "/api/secrets/v1/secret/a", api.Call{Service: "secrets", Method: "remove", Status: 403}},
		{"GET", "/api/secrets/v1/ping", api.Call{Service: "secrets", Method: "ping", Status: 200}},
		{"GET", "/api/secrets/v1/secret/a", api.Call{Service: "secrets", Method: "get", Status: 404}},
		{"PUT", "/elsewhere", api.Call{Service: "other", Method: "PUT", Status: 404}},
	} {
		var seen []api.Call
		start := time.Now()
		ticks := 0
		clock := func() time.Time { ticks++; return start.Add(time.Duration(ticks) * time.Second) }
		handler := api.Observe(api.Delay(f.Config.Handler, 1), "other", clock, func(c api.Call) { seen = append(seen, c) })
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		c.want.Start, c.want.End = start.Add(time.Second), start.Add(2*time.Second)
		if len(seen) != 1 || seen[0] != c.want {
			t.Errorf("%s %s: %v", c.method, c.path, seen)
		}
	}
}

// TestStop shows that a call which only waits for its context is not taken for a fault.
func TestStop(t *testing.T) {
	f := serve(t, handle("secrets", map[string]api.Handler{"remove": func(ctx context.Context, _ *api.Request) (any, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("wait: %w", ctx.Err())
	}}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodDelete, "/api/secrets/v1/secret/a", nil).WithContext(ctx)
	r.Header.Set("Scopes", "*")
	f.Config.Handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 503 || f.log.Len() > 0 {
		t.Errorf("%d %s, %v, log %q", w.Code, body, err, f.log.String())
	}
}
