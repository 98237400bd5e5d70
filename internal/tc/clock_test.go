package tc_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

// TestSkew: any reply tells the time, that of a refused call too.
func TestSkew(t *testing.T) {
	for name, c := range map[string]struct {
		behind time.Duration // of the service
		header string        // instead of its time
		age    string
		known  bool
	}{
		"right":        {0, "", "", true},
		"ahead":        {time.Hour, "", "", true},
		"behind":       {-3 * time.Minute, "", "", true},
		"no time":      {0, "soon", "", false},
		"from a cache": {time.Hour, "", "3600", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				date := c.header
				if date == "" {
					date = time.Now().Add(-c.behind).UTC().Format(http.TimeFormat)
				}
				w.Header().Set("Date", date)
				if c.age != "" {
					w.Header().Set("Age", c.age)
				}
				w.WriteHeader(http.StatusUnauthorized)
			}))
			defer server.Close()
			client := tc.New(server.URL, tc.NewHTTP(), retry.API())
			if _, known := client.Skew(); known {
				t.Error("known before a reply")
			}
			// A client with another policy is of the same machine.
			if _, err := client.WithPolicy(retry.Policy{Attempts: 1}).Secrets(own()).Get(t.Context(), "x"); tc.Status(err) != http.StatusUnauthorized {
				t.Fatal(err)
			}
			got, known := client.Skew()
			if known != c.known || (known && (got-c.behind).Abs() > 5*time.Second) {
				t.Errorf("%v, %v", got, known)
			}
		})
	}
}
