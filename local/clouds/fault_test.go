package clouds_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
)

// ask asks a service with the faults, and returns the status; 0 when it does not answer.
func ask(t *testing.T, s *httptest.Server, path string) int {
	t.Helper()
	// A connection that is used again would have Go itself repeat a request after a reset.
	client := http.Client{Timeout: 200 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(s.URL + path)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault clouds.Fault
		want  []int // of requests for /a, /b, /a, /a
	}{
		"a status":         {clouds.Fault{Kind: "429"}, []int{429, 429, 429, 429}},
		"for one path":     {clouds.Fault{Kind: "403", Path: "/a"}, []int{403, 200, 403, 403}},
		"for two requests": {clouds.Fault{Kind: "500", Path: "/a", Times: 2}, []int{500, 200, 500, 200}},
		"reset":            {clouds.Fault{Kind: "reset", Times: 1}, []int{0, 200, 200, 200}},
		"silent":           {clouds.Fault{Kind: "silent", Times: 1}, []int{0, 200, 200, 200}},
		"slow":             {clouds.Fault{Kind: "slow", Delay: time.Millisecond}, []int{200, 200, 200, 200}},
		"too slow":         {clouds.Fault{Kind: "slow", Delay: time.Hour, Path: "/b"}, []int{200, 0, 200, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			var faults clouds.Faults
			s := httptest.NewServer(faults.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "fine")
			})))
			defer s.Close()
			if got := ask(t, s, "/b"); got != http.StatusOK {
				t.Fatalf("without a fault: %d", got)
			}
			if err := faults.Add(c.fault); err != nil {
				t.Fatal(err)
			}
			for i, path := range []string{"/a", "/b", "/a", "/a"} {
				if got := ask(t, s, path); got != c.want[i] {
					t.Errorf("request %d for %s: %d, want %d", i, path, got, c.want[i])
				}
			}
			faults.Clear()
			if a, b := ask(t, s, "/a"), ask(t, s, "/b"); a != http.StatusOK || b != http.StatusOK {
				t.Errorf("cleared: %d, %d", a, b)
			}
		})
	}
}

// TestFaultsThatCannotBe checks that a fault which would never show is refused.
func TestFaultsThatCannotBe(t *testing.T) {
	for want, fault := range map[string]clouds.Fault{
		"known are 401": {Kind: "418"},
		"slash":         {Kind: "503", Path: "latest/api/token"},
		"fewer":         {Kind: "503", Times: -1},
		"delay":         {Kind: "slow"},
	} {
		var faults clouds.Faults
		if err := faults.Add(fault); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error with %q", fault, err, want)
		}
	}
}

func TestWrongClock(t *testing.T) {
	var faults clouds.Faults
	now := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	clock := faults.Clock(func() time.Time { return now })
	if err := faults.Add(clouds.Fault{Kind: "clock", Delay: -time.Hour}); err != nil || !clock().Equal(now.Add(-time.Hour)) {
		t.Errorf("%v, %v", clock(), err)
	}
	if faults.Clear(); !clock().Equal(now) {
		t.Errorf("cleared: %v", clock())
	}
}
