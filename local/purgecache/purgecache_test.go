package purgecache_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/purgecache"
)

const pool = "smoke/pool"

func start(t *testing.T) *apitest.Env {
	t.Helper()
	env := apitest.New(t)
	env.Add(purgecache.New(purgecache.Deps{Store: env.Store, Clock: env.Now}).Service())
	return env
}

func purge(workerPoolID, cache string) apitest.Call {
	return apitest.Call{Method: "purge-cache.purgeCache", Args: []string{workerPoolID}, Body: map[string]string{"cacheName": cache}}
}

type requests struct {
	Requests []struct {
		ProvisionerID, WorkerType, CacheName string
		Before                               time.Time
	}
	ContinuationToken string
}

// caches lists the caches that a pool's workers are told to purge.
func caches(env *apitest.Env, since string) (names []string) {
	query := url.Values{}
	if since != "" {
		query.Set("since", since)
	}
	var got requests
	env.OK(apitest.Call{Method: "purge-cache.purgeRequests", Args: []string{pool}, Query: query}, &got)
	for _, r := range got.Requests {
		names = append(names, r.CacheName)
	}
	return names
}

func TestPurgeRequestsAreThePoolsOwn(t *testing.T) {
	env := start(t)
	if got := caches(env, ""); got != nil {
		t.Errorf("at first: %v", got)
	}
	env.OK(purge(pool, "b"), nil)
	env.OK(purge(pool, "a"), nil)
	env.OK(purge(pool+"x", "c"), nil)
	if got := caches(env, ""); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v, want [a b]", got)
	}
	var all requests
	env.OK(apitest.Call{Method: "purge-cache.allPurgeRequests", Query: url.Values{"limit": {"2"}}}, &all)
	if len(all.Requests) != 2 || all.ContinuationToken == "" {
		t.Errorf("the first page of three: %+v", all)
	}
	r := all.Requests[0]
	if r.ProvisionerID != "smoke" || r.WorkerType != "pool" || !r.Before.Equal(env.Now()) {
		t.Errorf("got %+v", r)
	}
}

func TestSinceAndAge(t *testing.T) {
	env := start(t)
	env.OK(purge(pool, "old"), nil)
	env.Advance(time.Hour)
	since := env.Now().Format(time.RFC3339Nano)
	env.OK(purge(pool, "new"), nil)
	if got := caches(env, since); !slices.Equal(got, []string{"new"}) {
		t.Errorf("since the second: %v", got)
	}
	env.Advance(23*time.Hour + time.Minute)
	if got := caches(env, ""); !slices.Equal(got, []string{"new"}) {
		t.Errorf("after a day: %v", got)
	}
	env.OK(purge(pool, "old"), nil) // again: its time is renewed
	if got := caches(env, ""); !slices.Equal(got, []string{"new", "old"}) {
		t.Errorf("renewed: %v", got)
	}
	bad := env.Do(apitest.Call{Method: "purge-cache.purgeRequests", Args: []string{pool}, Query: url.Values{"since": {"monday"}}})
	if bad.Status != http.StatusBadRequest {
		t.Errorf("a bad since: %d", bad.Status)
	}
}

func TestPurgeNeedsTheScopeOfTheCache(t *testing.T) {
	env := start(t)
	call := purge(pool, "a")
	call.Scopes = []string{"purge-cache:" + pool + ":b"}
	if reply := env.Do(call); reply.Status != http.StatusForbidden {
		t.Errorf("another cache's scope: %d", reply.Status)
	}
	call.Scopes = []string{"purge-cache:" + pool + ":a"}
	env.OK(call, nil)
}
