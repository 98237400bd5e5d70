package tc_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/tc"
)

func TestPurgeRequests(t *testing.T) {
	const all, late = "GET purge-cache/v1/purge-cache/a%2Fpool", "GET purge-cache/v1/purge-cache/a%2Fpool?since=2030-01-01T10%3A00%3A00.500Z"
	s := serve(t, map[string]string{
		all: `{"requests":[
			{"provisionerId":"a","workerType":"pool","cacheName":"x","before":"2030-01-01T12:00:00.123Z"},
			{"provisionerId":"a","workerType":"pool","cacheName":"y","before":"2030-01-01T09:00:00Z"}]}`,
		late: `{"requests":[]}`,
	})
	got, err := s.PurgeRequests(t.Context(), someone(), "a/pool", time.Time{})
	want := []tc.PurgeRequest{
		{CacheName: "x", Before: time.Date(2030, 1, 1, 12, 0, 0, 123e6, time.UTC)},
		{CacheName: "y", Before: time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" || !s.signed[all] {
		t.Errorf("%v\n%s", err, diff)
	}
	since := time.Date(2030, 1, 1, 12, 0, 0, 500e6, time.FixedZone("", 7200))
	if got, err := s.PurgeRequests(t.Context(), someone(), "a/pool", since); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := s.PurgeRequests(t.Context(), someone(), "another", time.Time{}); tc.Status(err) != http.StatusNotFound {
		t.Errorf("got %v", err)
	}
}
