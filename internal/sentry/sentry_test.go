package sentry_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/sentry"
)

func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		user, path string
		url, auth  string
	}{
		"usual":      {"key", "/42", "/api/42/store/", "sentry_key=key"},
		"below":      {"key", "/a/b/42/", "/a/b/api/42/store/", "sentry_key=key"},
		"old server": {"key:word", "/42", "/api/42/store/", "sentry_key=key, sentry_secret=word"},
	} {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			var event map[string]any
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = r
				if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			dsn := secret.New(strings.Replace(server.URL, "://", "://"+c.user+"@", 1) + c.path)
			err := sentry.Send(t.Context(), server.Client(), dsn, sentry.Event{
				Time: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC), Message: strings.Repeat("ä", 50000), Stack: "main.main()", Release: "1.2.3", Tags: map[string]string{"a": "b"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got.Method != http.MethodPost || got.URL.Path != c.url || !strings.HasSuffix(got.Header.Get("X-Sentry-Auth"), c.auth) {
				t.Errorf("%s %s, %s", got.Method, got.URL, got.Header)
			}
			id, _ := event["event_id"].(string)
			message, _ := event["message"].(string)
			extra, _ := event["extra"].(map[string]any)
			tags, _ := event["tags"].(map[string]any)
			if len(id) != 32 || len(message) > 65<<10 || !strings.HasSuffix(message, "ä…") || extra["stack"] != "main.main()" || tags["a"] != "b" {
				t.Errorf("id %s, %d bytes, %v", id, len(message), extra)
			}
			for key, want := range map[string]string{"timestamp": "2030-01-02T03:04:05", "level": "fatal", "platform": "go", "release": "1.2.3"} {
				if event[key] != want {
					t.Errorf("%s is %v, want %s", key, event[key], want)
				}
			}
		})
	}
}

// TestNotSent: errors say what is wrong, and nothing of the DSN.
func TestNotSent(t *testing.T) {
	refuse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refuse.Close()
	with := func(url string) string { return strings.Replace(url, "://", "://hidden:hidden@", 1) }
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		dsn  string
		says string
	}{
		"nothing":    {t.Context(), "", "form"},
		"no key":     {t.Context(), "https://hidden.example.com/1", "form"},
		"no URL":     {t.Context(), "://hidden", "form"},
		"no project": {t.Context(), with("https://h.example.com/"), "project"},
		"refused":    {t.Context(), with(refuse.URL) + "/1", "403"},
		"too late":   {ended, with(refuse.URL) + "/1", "canceled"},
	} {
		err := sentry.Send(c.ctx, refuse.Client(), secret.New(c.dsn), sentry.Event{})
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
