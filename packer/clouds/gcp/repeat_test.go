package gcp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/clouds/gcp"
)

// TestTrouble: what lasts a moment is not seen, and what lasts is said in one line.
func TestTrouble(t *testing.T) {
	a := start(t)
	a.image(t, "linux-1", ours("r"), "")
	for _, kind := range []string{"throttled", "broken"} {
		a.Trouble(t, "gcp", "compute.images.list", kind, 1)
		if all, err := a.cloud.Images(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%s once: %v, %v", kind, all, err)
		}
	}
	a.Trouble(t, "gcp", "compute.images.delete", "forbidden", 0)
	err := a.cloud.Delete(t.Context(), clouds.Image{ID: "linux-1", Run: "r"})
	if err == nil || err.Error() != "gcp: delete the image linux-1: Required permission is missing (403)" {
		t.Errorf("forbidden: %v", err)
	}
	if err := a.cloud.Delete(t.Context(), clouds.Image{ID: "linux-1", Run: "r0"}); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("the image of another run: %v", err)
	}
}

// TestPatience: the wait that Google asks for is kept to, and has an end.
func TestPatience(t *testing.T) {
	start(t) // for its credentials
	for name, c := range map[string]struct {
		status, times int
		after         string
		calls         int
		least, most   time.Duration
	}{
		"as asked":        {429, 1, "7", 2, 7 * time.Second, 8 * time.Second},
		"unasked":         {503, 1, "", 2, time.Millisecond, 2 * time.Second},
		"for ever":        {500, 99, "", 5, time.Second, 20 * time.Second},
		"for much longer": {429, 99, "3600", 1, 0, time.Second},
		"not at all":      {404, 99, "", 1, 0, time.Millisecond},
		"not emulated":    {501, 99, "", 1, 0, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				cloud := scripted(t, func(w http.Header) (int, string) {
					if calls++; calls <= c.times {
						w.Set("Retry-After", c.after)
						return c.status, `{"error": {"code": 1, "message": "said so"}}`
					}
					return 200, `{}`
				})
				begin := time.Now()
				_, err := cloud.Images(t.Context())
				took := time.Since(begin)
				if calls != c.calls || took < c.least || took > c.most || (err == nil) != (calls > c.times) {
					t.Errorf("%d calls in %v: %v", calls, took, err)
				}
				if err != nil && !strings.Contains(err.Error(), "said so") {
					t.Errorf("Google's words are missing: %v", err)
				}
			})
		})
	}
}

// TestInterrupt: the end of the context ends a wait.
func TestInterrupt(t *testing.T) {
	start(t) // for its credentials
	synctest.Test(t, func(t *testing.T) {
		cloud := scripted(t, func(h http.Header) (int, string) {
			h.Set("Retry-After", "30")
			return 503, "{}"
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := cloud.Images(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// scripted is a cloud whose every answer but the token is made by script.
func scripted(t *testing.T, script func(http.Header) (int, string)) clouds.Cloud {
	t.Helper()
	cloud, err := gcp.New(t.Context(), gcp.Options{Project: "p", HTTP: &http.Client{Transport: transport(func(r *http.Request) *http.Response {
		answer := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: r}
		body := `{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}`
		if r.URL.Path != "/token" {
			answer.StatusCode, body = script(answer.Header)
		}
		answer.Body = io.NopCloser(strings.NewReader(body))
		return answer
	})}})
	if err != nil {
		t.Fatal(err)
	}
	return cloud
}

type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
