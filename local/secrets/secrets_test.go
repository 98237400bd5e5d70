package secrets_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/secrets"
)

func start(t *testing.T) (*apitest.Env, *secrets.Server) {
	t.Helper()
	env := apitest.New(t)
	s := secrets.New(secrets.Deps{Store: env.Store, Clock: env.Now, Logger: env.Logger})
	env.Add(s.Service())
	return env, s
}

func set(env *apitest.Env, name, value string, lifetime time.Duration) {
	env.OK(apitest.Call{Method: "secrets.set", Args: []string{name}, Body: map[string]any{
		"secret": map[string]string{"key": value}, "expires": env.Now().Add(lifetime),
	}}, nil)
}

func get(name string) apitest.Call { return apitest.Call{Method: "secrets.get", Args: []string{name}} }

func TestSetGetReplaceRemove(t *testing.T) {
	env, _ := start(t)
	const name = "worker-pool:smoke/pool"
	for _, value := range []string{"one", "two"} {
		set(env, name, value, time.Hour)
		var got struct {
			Secret  map[string]string
			Expires time.Time
		}
		env.OK(get(name), &got)
		if got.Secret["key"] != value || !got.Expires.Equal(env.Now().Add(time.Hour)) {
			t.Errorf("got %+v, want %q for an hour", got, value)
		}
	}
	remove := apitest.Call{Method: "secrets.remove", Args: []string{name}}
	env.OK(remove, nil)
	if reply := env.Do(get(name)); reply.Status != http.StatusNotFound || reply.Message != "Secret not found" {
		t.Errorf("after remove: %d %s", reply.Status, reply.Body)
	}
	env.OK(remove, nil) // again is no error
}

func TestExpiredSecretIsGoneThenForgotten(t *testing.T) {
	env, s := start(t)
	set(env, "brief", "x", time.Minute)
	env.Advance(2 * time.Minute)
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if reply := env.Do(get("brief")); reply.Status != http.StatusGone {
		t.Errorf("just expired: got %d, want 410", reply.Status)
	}
	if names := list(env, nil); len(names) != 0 {
		t.Errorf("an expired secret is listed: %v", names)
	}
	env.Advance(2 * time.Hour)
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if reply := env.Do(get("brief")); reply.Status != http.StatusNotFound {
		t.Errorf("long expired: got %d, want 404", reply.Status)
	}
}

func TestScopes(t *testing.T) {
	env, _ := start(t)
	set(env, "a", "x", time.Hour)
	for _, c := range []struct {
		call  apitest.Call
		scope string
	}{
		{get("a"), "secrets:get:a"},
		{apitest.Call{Method: "secrets.remove", Args: []string{"a"}}, "secrets:set:a"},
		{apitest.Call{Method: "secrets.list"}, "secrets:list-secrets"},
	} {
		c.call.Scopes = []string{c.scope + "b"}
		if reply := env.Do(c.call); reply.Status != http.StatusForbidden {
			t.Errorf("%s without its scope: got %d, want 403", c.call.Method, reply.Status)
		}
		c.call.Scopes = []string{c.scope}
		if reply := env.Do(c.call); reply.Status >= http.StatusMultipleChoices {
			t.Errorf("%s with %s: got %d", c.call.Method, c.scope, reply.Status)
		}
	}
}

func TestListPages(t *testing.T) {
	env, _ := start(t)
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("secret/%d", i))
		set(env, want[i], "x", time.Hour)
	}
	if got := list(env, url.Values{"limit": {"2"}}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// list follows the continuationToken to the end.
func list(env *apitest.Env, query url.Values) (names []string) {
	if query == nil {
		query = url.Values{}
	}
	for {
		var page struct {
			Secrets           []string
			ContinuationToken string
		}
		env.OK(apitest.Call{Method: "secrets.list", Query: query}, &page)
		names = append(names, page.Secrets...)
		if page.ContinuationToken == "" {
			return names
		}
		query.Set("continuationToken", page.ContinuationToken)
	}
}

func TestErrorsDoNotRepeatTheSecret(t *testing.T) {
	env, _ := start(t)
	reply := env.Do(apitest.Call{Method: "secrets.set", Args: []string{"a"}, Body: map[string]any{
		"secret": map[string]string{"key": "hunter2"}, "expires": "never",
	}})
	if reply.Status != http.StatusBadRequest {
		t.Fatalf("got %d, want 400", reply.Status)
	}
	if body := string(reply.Body); strings.Contains(body, "hunter2") {
		t.Errorf("the error repeats the secret: %s", body)
	}
}

func TestNameTooLong(t *testing.T) {
	env, _ := start(t)
	reply := env.Do(apitest.Call{Method: "secrets.set", Args: []string{strings.Repeat("a", 40_000)}, Body: map[string]any{
		"secret": map[string]string{"key": "hunter2"}, "expires": env.Now().Add(time.Hour),
	}})
	if reply.Status != http.StatusBadRequest || reply.Code != "InputError" {
		t.Errorf("got %d %s, want 400 InputError", reply.Status, reply.Code)
	}
	if body := string(reply.Body); strings.Contains(body, "hunter2") {
		t.Errorf("the error repeats the secret: %.200s", body)
	}
	if reply := env.Do(get(strings.Repeat("a", 40_000))); reply.Status != http.StatusNotFound {
		t.Errorf("get: %d, want 404", reply.Status)
	}
}
