package tc_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

func TestSentryDSN(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/api/auth/v1/sentry/pro%2Fject/dsn" && r.URL.EscapedPath() != "/api/auth/v1/sentry/pro%2Fject/dsn" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"code":"InsufficientScopes","message":"no"}`))
			return
		}
		_, _ = w.Write([]byte(`{"project":"pro/ject","dsn":{"public":"https://p@h/1","secret":"https://p:hidden@h/1"},"expires":"2030-01-01T00:00:00.000Z"}`))
	}))
	defer server.Close()
	client := tc.New(server.URL, tc.NewHTTP(), retry.Policy{Attempts: 1})
	dsn, err := client.SentryDSN(t.Context(), own(), "pro/ject")
	if err != nil || dsn.Reveal() != "https://p:hidden@h/1" {
		t.Errorf("%v, %v", dsn.Reveal(), err)
	}
	if dsn, err = client.SentryDSN(t.Context(), own(), "other"); tc.Status(err) != http.StatusForbidden || !dsn.Empty() || strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v, %v", dsn, err)
	}
}
