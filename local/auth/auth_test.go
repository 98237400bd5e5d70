package auth_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/taskcluster/httpbackoff/v3"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcauth"

	"github.com/workerkit/workerkit/local/localtest"
)

func scope(s string) []string { return []string{s} }

// do runs a call of the Go client and returns its error's code and status, "" and 0 when there is none.
func do(t *testing.T, err error) (code string, status int) {
	t.Helper()
	if err == nil {
		return "", 0
	}
	var bad httpbackoff.BadHttpResponseCode
	var exception *tcclient.APICallException
	if !errors.As(err, &exception) || !errors.As(exception.RootCause, &bad) {
		t.Fatalf("no reply: %v", err)
	}
	var body struct{ Code string }
	if err := json.Unmarshal([]byte(exception.CallSummary.HTTPResponseBody), &body); err != nil {
		t.Fatal(err)
	}
	return body.Code, bad.HttpResponseCode
}

func wantError(t *testing.T, err error, wantCode string, wantStatus int) {
	t.Helper()
	if code, status := do(t, err); code != wantCode || status != wantStatus {
		t.Errorf("%d %s, want %d %s", status, code, wantStatus, wantCode)
	}
}

// newClient makes a client with those scopes through the root client.
func newClient(t *testing.T, i *localtest.Instance, id string, scopes ...string) *tcclient.Credentials {
	t.Helper()
	made, err := tcauth.New(i.Credentials(), i.RootURL).CreateClient(id, &tcauth.CreateClientRequest{
		Description: "made by a test", Expires: tcclient.Time(time.Now().Add(time.Hour)), Scopes: scopes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &tcclient.Credentials{ClientID: id, AccessToken: made.AccessToken}
}

func currentScopes(t *testing.T, i *localtest.Instance, c *tcclient.Credentials) []string {
	t.Helper()
	set, err := tcauth.New(c, i.RootURL).CurrentScopes()
	if err != nil {
		t.Fatal(err)
	}
	return set.Scopes
}

// TestCurrentScopes has every kind of credentials, and what they may do.
func TestCurrentScopes(t *testing.T) {
	i := localtest.Start(t)
	permanent := newClient(t, i, "me", "a:*", "b", "auth:create-client:me/*")
	temporary, err := permanent.CreateTemporaryCredentials(time.Hour, "a:1", "b")
	if err != nil {
		t.Fatal(err)
	}
	named, err := permanent.CreateNamedTemporaryCredentials("me/too", time.Hour, "a:2")
	if err != nil {
		t.Fatal(err)
	}
	authorized, both := *permanent, *named
	authorized.AuthorizedScopes = []string{"a:3", "auth:current-scopes"}
	both.AuthorizedScopes = []string{"a:2", "auth:current-scopes"}
	for name, c := range map[string]struct {
		credentials *tcclient.Credentials
		has, lacks  string
	}{
		"permanent":              {permanent, "a:* b assume:anonymous", "a:1"},
		"temporary":              {temporary, "a:1 b assume:anonymous", "a:*"},
		"named":                  {named, "a:2 assume:anonymous", "b"},
		"authorizedScopes":       {&authorized, "a:3 assume:anonymous", "b"},
		"named authorizedScopes": {&both, "a:2 assume:anonymous", "b"},
	} {
		got := currentScopes(t, i, c.credentials)
		for s := range strings.FieldsSeq(c.has) {
			if !slices.Contains(got, s) {
				t.Errorf("%s: no %s in %q", name, s, got)
			}
		}
		if slices.Contains(got, c.lacks) || !slices.IsSorted(got) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := currentScopes(t, i, i.Credentials()); !slices.Equal(got, scope("*")) {
		t.Errorf("root: %q", got)
	}
}

// TestAnonymous compares with what a real deployment grants to everybody.
func TestAnonymous(t *testing.T) {
	i := localtest.Start(t)
	anonymous := tcauth.New(nil, i.RootURL)
	set, err := anonymous.CurrentScopes()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"assume:anonymous", "auth:current-scopes", "queue:get-artifact:public/*", "worker-manager:list-workers:*"} {
		if !slices.Contains(set.Scopes, want) {
			t.Errorf("no %s in %q", want, set.Scopes)
		}
	}
	if len(set.Scopes) != 35+1 {
		t.Errorf("%d scopes", len(set.Scopes))
	}
	wantError(t, anonymous.DeleteClient("x"), "InsufficientScopes", 403)
}

// TestBadCredentials has what is refused, each for its own reason.
func TestBadCredentials(t *testing.T) {
	i := localtest.Start(t)
	good := newClient(t, i, "me", "a:*", "auth:create-client:me/*")
	disabled := newClient(t, i, "disabled", "a")
	if _, err := tcauth.New(i.Credentials(), i.RootURL).DisableClient("disabled"); err != nil {
		t.Fatal(err)
	}
	temporary := func(name string, d time.Duration, scopes ...string) *tcclient.Credentials {
		c, err := good.CreateNamedTemporaryCredentials(name, d, scopes...)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	forged := temporary("", time.Hour, "a:1")
	forged.Certificate = strings.Replace(forged.Certificate, "a:1", "a:2", 1)
	renamed := temporary("me/one", time.Hour, "a:1")
	renamed.ClientID = "me/two"
	overstep := *good
	overstep.AuthorizedScopes = []string{"c"}
	for name, c := range map[string]struct {
		credentials *tcclient.Credentials
		message     string
	}{
		"wrong token":         {&tcclient.Credentials{ClientID: "me", AccessToken: "wrong"}, "Unauthorized: Bad mac"},
		"unknown client":      {&tcclient.Credentials{ClientID: "nobody", AccessToken: "x"}, "Client with clientId 'nobody' not found"},
		"disabled":            {disabled, "is disabled"},
		"expired":             {temporary("", -time.Second, "a:1"), "ext.certificate.expiry < now"},
		"too wide":            {temporary("", time.Hour, "b"), "ext.certificate issuer"},
		"name not allowed":    {temporary("you", time.Hour, "a:1"), "auth:create-client:you"},
		"forged certificate":  {forged, "ext.certificate.signature is not valid"},
		"another name":        {renamed, "ext.certificate.signature is not valid"},
		"overstepping scopes": {&overstep, "ext.authorizedScopes oversteps"},
	} {
		_, err := tcauth.New(c.credentials, i.RootURL).CurrentScopes()
		wantError(t, err, "AuthenticationFailed", 401)
		if err != nil && !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClientLife follows one client through every method about clients.
func TestClientLife(t *testing.T) {
	i := localtest.Start(t)
	root := tcauth.New(i.Credentials(), i.RootURL)
	c := newClient(t, i, "project/one", "a")
	if _, err := root.CreateClient("project/one", &tcauth.CreateClientRequest{Expires: tcclient.Time(time.Now().Add(time.Hour))}); err == nil {
		t.Error("made twice")
	} else {
		wantError(t, err, "RequestConflict", 409)
	}
	shown, err := root.Client("project/one")
	if err != nil || !slices.Equal(shown.Scopes, scope("a")) || !slices.Contains(shown.ExpandedScopes, "auth:list-clients") {
		t.Errorf("client: %+v, %v", shown, err)
	}
	reset, err := root.ResetAccessToken("project/one")
	if err != nil || reset.AccessToken == c.AccessToken || len(reset.AccessToken) != 44 {
		t.Errorf("reset: %v", err)
	}
	_, err = tcauth.New(c, i.RootURL).CurrentScopes()
	wantError(t, err, "AuthenticationFailed", 401)
	c.AccessToken = reset.AccessToken
	if _, err := root.UpdateClient("project/one", &tcauth.CreateClientRequest{
		Description: "new", Expires: tcclient.Time(time.Now().Add(time.Hour)), Scopes: []string{"b"},
	}); err != nil {
		t.Error(err)
	}
	if got := currentScopes(t, i, c); !slices.Contains(got, "b") || slices.Contains(got, "a") {
		t.Errorf("after the update: %q", got)
	}
	if disabled, err := root.DisableClient("project/one"); err != nil || !disabled.Disabled {
		t.Error(err)
	}
	if enabled, err := root.EnableClient("project/one"); err != nil || enabled.Disabled {
		t.Error(err)
	}
	newClient(t, i, "project/two")
	list, err := root.ListClients("", "", "project/")
	if err != nil || len(list.Clients) != 2 || list.Clients[0].ClientID != "project/one" {
		t.Errorf("list: %+v, %v", list, err)
	}
	page, err := root.ListClients("", "1", "project/")
	if err != nil || len(page.Clients) != 1 || page.ContinuationToken == "" {
		t.Fatalf("page: %+v, %v", page, err)
	}
	rest, err := root.ListClients(page.ContinuationToken, "1", "project/")
	if err != nil || len(rest.Clients) != 1 || rest.Clients[0].ClientID != "project/two" || rest.ContinuationToken != "" {
		t.Errorf("rest: %+v, %v", rest, err)
	}
	if err := root.DeleteClient("project/one"); err != nil {
		t.Error(err)
	}
	_, err = root.Client("project/one")
	wantError(t, err, "ResourceNotFound", 404)
}

// TestNobodyRisesByClients shows that a client cannot give what it has not.
func TestNobodyRisesByClients(t *testing.T) {
	i := localtest.Start(t)
	c := tcauth.New(newClient(t, i, "maker", "auth:create-client:*", "auth:update-client:*", "auth:create-role:*", "auth:update-role:*", "a:*"), i.RootURL)
	request := func(scopes ...string) *tcauth.CreateClientRequest {
		return &tcauth.CreateClientRequest{Expires: tcclient.Time(time.Now().Add(time.Hour)), Scopes: scopes}
	}
	newClient(t, i, "other", "b")
	if _, err := c.CreateClient("child", request("a:1")); err != nil {
		t.Error(err)
	}
	_, err := c.CreateClient("child2", request("b"))
	wantError(t, err, "InsufficientScopes", 403)
	if _, err := c.UpdateClient("other", request("a:1", "b")); err != nil {
		t.Errorf("a scope that the client has already: %v", err)
	}
	_, err = c.UpdateClient("other", request("c"))
	wantError(t, err, "InsufficientScopes", 403)
	_, err = c.CreateRole("r", &tcauth.CreateRoleRequest{Scopes: []string{"b"}})
	wantError(t, err, "InsufficientScopes", 403)
	_, err = c.UpdateRole("anonymous", &tcauth.CreateRoleRequest{Scopes: []string{"b"}})
	wantError(t, err, "InsufficientScopes", 403)
}

func TestStaticClientsStay(t *testing.T) {
	i := localtest.Start(t)
	root := tcauth.New(i.Credentials(), i.RootURL)
	for _, id := range []string{"static/taskcluster/root", "static/taskcluster/queue"} {
		wantError(t, root.DeleteClient(id), "InputError", 400)
		_, err := root.ResetAccessToken(id)
		wantError(t, err, "InputError", 400)
	}
	_, err := root.CreateClient("static/mine", &tcauth.CreateClientRequest{Expires: tcclient.Time(time.Now().Add(time.Hour))})
	wantError(t, err, "InputError", 400)
}

func TestRoleLife(t *testing.T) {
	i := localtest.Start(t)
	root := tcauth.New(i.Credentials(), i.RootURL)
	role, err := root.CreateRole("project:*", &tcauth.CreateRoleRequest{Description: "d", Scopes: []string{"queue:route:<..>", "assume:reader"}})
	if err != nil || !slices.Equal(role.ExpandedScopes, []string{"assume:project:*", "assume:reader", "queue:route:*"}) {
		t.Errorf("role: %+v, %v", role, err)
	}
	if _, err := root.CreateRole("reader", &tcauth.CreateRoleRequest{Scopes: []string{"read:*"}}); err != nil {
		t.Error(err)
	}
	_, err = root.CreateRole("reader", &tcauth.CreateRoleRequest{Scopes: []string{}})
	wantError(t, err, "RequestConflict", 409)

	expanded, err := root.ExpandScopes(&tcauth.SetOfScopes{Scopes: []string{"assume:project:x"}})
	if err != nil || !slices.Equal(expanded.Scopes, []string{"assume:project:x", "assume:reader", "queue:route:x", "read:*"}) {
		t.Errorf("expanded: %v, %v", expanded, err)
	}
	if updated, err := root.UpdateRole("reader", &tcauth.CreateRoleRequest{Description: "new", Scopes: []string{"look"}}); err != nil ||
		updated.Description != "new" || !slices.Equal(updated.Scopes, scope("look")) {
		t.Errorf("updated: %+v, %v", updated, err)
	}
	ids, err := root.ListRoleIds("", "")
	if err != nil || !slices.Equal(ids.RoleIds, []string{"anonymous", "project:*", "reader"}) {
		t.Errorf("ids: %+v, %v", ids, err)
	}
	roles, err := root.ListRoles2("", "2")
	if err != nil || len(roles.Roles) != 2 || roles.ContinuationToken == "" {
		t.Errorf("roles: %+v, %v", roles, err)
	}
	if all, err := root.ListRoles(); err != nil || len(*all) != 3 {
		t.Errorf("all: %+v, %v", all, err)
	}
	if err := root.DeleteRole("reader"); err != nil {
		t.Error(err)
	}
	_, err = root.Role("reader")
	wantError(t, err, "ResourceNotFound", 404)
}

func TestBadRoles(t *testing.T) {
	i := localtest.Start(t)
	root := tcauth.New(i.Credentials(), i.RootURL)
	for id, scopes := range map[string][]string{"grow:*": {"assume:grow:x<..>"}, "stars": {"a**"}} {
		_, err := root.CreateRole(id, &tcauth.CreateRoleRequest{Scopes: scopes})
		wantError(t, err, "InputError", 400)
		_, err = root.Role(id)
		wantError(t, err, "ResourceNotFound", 404)
	}
}

// TestRolesThatTogetherGrow: neither role grows by itself, but with the other it does.
func TestRolesThatTogetherGrow(t *testing.T) {
	i := localtest.Start(t)
	root := tcauth.New(i.Credentials(), i.RootURL)
	if _, err := root.CreateRole("p-zy*", &tcauth.CreateRoleRequest{Scopes: []string{"assume:q-y<..>y"}}); err != nil {
		t.Fatal(err)
	}
	_, err := root.CreateRole("q-*", &tcauth.CreateRoleRequest{Scopes: []string{"assume:p-z<..>"}})
	wantError(t, err, "InputError", 400)
	_, err = root.Role("q-*")
	wantError(t, err, "ResourceNotFound", 404)
}

// TestRoleThatWouldGrowForAClient: a role is refused when it ends for all roles, but not for
// what a client holds.
func TestRoleThatWouldGrowForAClient(t *testing.T) {
	i := localtest.Start(t)
	root := tcauth.New(i.Credentials(), i.RootURL)
	holder := newClient(t, i, "holder", "assume:g-key")
	_, err := root.CreateRole("g-*", &tcauth.CreateRoleRequest{Scopes: []string{"assume:h-<..>"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = root.CreateRole("h-key*", &tcauth.CreateRoleRequest{Scopes: []string{"assume:g-key<..>y"}})
	wantError(t, err, "InputError", 400)
	currentScopes(t, i, holder)
}

// TestEndlessScopes has scopes that nobody holds yet when the roles are made, so that they are
// refused only once they are used.
func TestEndlessScopes(t *testing.T) {
	i := localtest.Start(t)
	root := tcauth.New(i.Credentials(), i.RootURL)
	for _, role := range []struct{ id, scope string }{
		// With a parameter that starts with "keyy" they grow for ever, with any other they end.
		{"a-*", "assume:b-<..>"},
		{"b-key*", "assume:c-<..>y"},
		{"c-*", "assume:d-x<..>"},
		{"d-xy*", "assume:a-key<..>y"},
	} {
		if _, err := root.CreateRole(role.id, &tcauth.CreateRoleRequest{Scopes: scope(role.scope)}); err != nil {
			t.Fatal(role.id, err)
		}
	}
	_, err := root.ExpandScopes(&tcauth.SetOfScopes{Scopes: scope("assume:a-keyy")})
	wantError(t, err, "InputError", 400)
	_, err = root.CreateClient("grower", &tcauth.CreateClientRequest{
		Expires: tcclient.Time(time.Now().Add(time.Hour)), Scopes: scope("assume:a-keyy"),
	})
	wantError(t, err, "InputError", 400)
	temporary, err := i.Credentials().CreateTemporaryCredentials(time.Hour, "assume:a-keyy")
	if err != nil {
		t.Fatal(err)
	}
	_, err = tcauth.New(temporary, i.RootURL).CurrentScopes()
	wantError(t, err, "AuthenticationFailed", 401)
	if _, err := root.ListRoles(); err != nil {
		t.Errorf("the roles can still be listed: %v", err)
	}
}

// TestTester has the public credentials with which client libraries test themselves.
func TestTester(t *testing.T) {
	i := localtest.Start(t)
	tester := &tcclient.Credentials{ClientID: "tester", AccessToken: "no-secret"}
	named, err := tester.CreateNamedTemporaryCredentials("jimmy", time.Hour, "scope:1", "scope:2")
	if err != nil {
		t.Fatal(err)
	}
	got, err := tcauth.New(named, i.RootURL).TestAuthenticate(&tcauth.TestAuthenticateRequest{
		ClientScopes: []string{"scope:*", "auth:create-client:jimmy"}, RequiredScopes: []string{"scope:1"},
	})
	if err != nil || got.ClientID != "jimmy" || !slices.Equal(got.Scopes, []string{"assume:anonymous", "scope:1", "scope:2"}) {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = tcauth.New(tester, i.RootURL).TestAuthenticate(&tcauth.TestAuthenticateRequest{
		ClientScopes: []string{"scope:*"}, RequiredScopes: []string{"other"},
	})
	wantError(t, err, "InsufficientScopes", 403)
	_, err = tcauth.New(nil, i.RootURL).TestAuthenticate(&tcauth.TestAuthenticateRequest{ClientScopes: []string{}, RequiredScopes: []string{}})
	wantError(t, err, "AuthenticationFailed", 401)
}

// TestBewits has signed URLs of all kinds of credentials.
func TestBewits(t *testing.T) {
	i := localtest.Start(t)
	tester := &tcclient.Credentials{ClientID: "tester", AccessToken: "no-secret"}
	limited := *tester
	limited.AuthorizedScopes = []string{"test:authenticate-get"}
	temporary := func(scope string) *tcclient.Credentials {
		c, err := tester.CreateTemporaryCredentials(time.Hour, scope)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, c := range map[string]struct {
		credentials *tcclient.Credentials
		valid       time.Duration
		status      int
	}{
		"permanent":        {tester, time.Minute, 200},
		"authorizedScopes": {&limited, time.Minute, 200},
		"temporary":        {temporary("test:authenticate-get"), time.Minute, 200},
		"without scope":    {temporary("test:other"), time.Minute, 403},
		"expired":          {tester, -time.Minute, 401},
		"wrong token":      {&tcclient.Credentials{ClientID: "tester", AccessToken: "x"}, time.Minute, 401},
	} {
		u, err := tcauth.New(c.credentials, i.RootURL).TestAuthenticateGet_SignedURL(c.valid)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, u); got != c.status {
			t.Errorf("%s: %d", name, got)
		}
	}
	// The same with a query and real credentials.
	u, err := tcauth.New(i.Credentials(), i.RootURL).ListClients_SignedURL("", "5", "static/", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, u); got != 200 {
		t.Errorf("with a query: %d", got)
	}
	u.RawQuery += "&limit=6"
	if got := get(t, u); got != 401 {
		t.Errorf("with more in the query: %d", got)
	}
}

func get(t *testing.T, u *url.URL) int {
	t.Helper()
	resp, err := http.Get(u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
