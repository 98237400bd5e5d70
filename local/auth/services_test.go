package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcauth"
	hawkclient "github.com/tent/hawk-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/auth"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/local/store"
)

// TestAuthenticateHawk asks as a service that leaves signatures to auth.
func TestAuthenticateHawk(t *testing.T) {
	i := localtest.Start(t)
	c := newClient(t, i, "me", "a")
	sign := func(key string) string {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://service.example.com/x?y=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		signed := hawkclient.NewRequestAuth(r, &hawkclient.Credentials{ID: "me", Key: key, Hash: sha256.New}, 0)
		return signed.RequestHeader()
	}
	for authorization, want := range map[string]string{
		sign(c.AccessToken): "auth-success", sign("wrong"): "auth-failed", "": "no-auth", "Basic x": "auth-failed",
	} {
		raw, err := tcauth.New(nil, i.RootURL).AuthenticateHawk(&tcauth.HawkSignatureAuthenticationRequest{
			Method: "post", Resource: "/x?y=1", Host: "service.example.com", Port: 80, Authorization: authorization,
		})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Status, Message, ClientID, Scheme string
			Scopes                            []string
		}
		if err := json.Unmarshal(*raw, &got); err != nil {
			t.Fatal(err)
		}
		if got.Status != want {
			t.Errorf("%s: %+v", want, got)
		}
		if want == "auth-success" && (got.ClientID != "me" || got.Scheme != "hawk" || !slices.Contains(got.Scopes, "a")) {
			t.Errorf("%+v", got)
		}
	}
}

// TestPayloadHash shows that a payload which is signed cannot be changed on the way.
func TestPayloadHash(t *testing.T) {
	i := localtest.Start(t)
	for body, want := range map[string]int{`{"scopes":["a"]}`: 200, `{"scopes":["b"]}`: 401} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", i.RootURL+"/api/auth/v1/scopes/expand", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		signed := hawkclient.NewRequestAuth(r, &hawkclient.Credentials{ID: i.ClientID, Key: i.AccessToken, Hash: sha256.New}, 0)
		hash := signed.PayloadHash("application/json")
		hash.Write([]byte(`{"scopes":["a"]}`))
		signed.SetHash(hash)
		r.Header.Set("Authorization", signed.RequestHeader())
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d", body, resp.StatusCode)
		}
	}
}

func TestSkew(t *testing.T) {
	i := localtest.Start(t)
	for offset, want := range map[time.Duration]int{
		-16 * time.Minute: 401, -14 * time.Minute: 200, 14 * time.Minute: 200, 16 * time.Minute: 401,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", i.RootURL+"/api/auth/v1/scopes/current", nil)
		if err != nil {
			t.Fatal(err)
		}
		signed := hawkclient.NewRequestAuth(r, &hawkclient.Credentials{ID: i.ClientID, Key: i.AccessToken, Hash: sha256.New}, offset)
		r.Header.Set("Authorization", signed.RequestHeader())
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%v: %d", offset, resp.StatusCode)
		}
	}
}

// TestWebsocktunnelToken reads the token as a tunnel server would, but for the key.
func TestWebsocktunnelToken(t *testing.T) {
	i := localtest.Start(t)
	got, err := tcauth.New(i.Credentials(), i.RootURL).WebsocktunnelToken("audience", "local.worker-1")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(got.Token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	var claims struct {
		Audience string `json:"aud"`
		Tunnel   string `json:"tid"`
		Expires  int64  `json:"exp"`
		From     int64  `json:"nbf"`
	}
	var header struct{ Alg string }
	for n, v := range map[int]any{0: &header, 1: &claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[n])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, v); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().Unix()
	if header.Alg != "HS256" || claims.Audience != "audience" || claims.Tunnel != "local.worker-1" || claims.From > now || claims.Expires <= now {
		t.Errorf("%+v %+v", header, claims)
	}
	_, err = tcauth.New(i.Credentials(), i.RootURL).WebsocktunnelToken("audience", "no spaces")
	wantError(t, err, "InvalidRequestArguments", 400)
}

func TestSentryDSN(t *testing.T) {
	i := localtest.Start(t)
	got, err := tcauth.New(i.Credentials(), i.RootURL).SentryDSN("project")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{got.Dsn.Public, got.Dsn.Secret} {
		if u, err := url.Parse(text); err != nil || u.Hostname() != "127.0.0.1" {
			t.Errorf("%s leads elsewhere, %v", text, err)
		}
	}
}

// newAuth makes the service alone, on a store in dir.
func newAuth(t *testing.T, dir string, clock func() time.Time) *auth.Auth {
	t.Helper()
	db, err := store.Open(filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	a, err := auth.New(t.Context(), auth.Deps{Store: db, Clock: clock, Logger: slog.New(slog.DiscardHandler), Issuers: []string{"queue"}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// signed is a request of the issued credentials.
func signed(t *testing.T, c api.Credentials) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:8080/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RequestURI = r.URL.RequestURI()
	credentials := &tcclient.Credentials{ClientID: c.ClientID, AccessToken: c.AccessToken, Certificate: c.Certificate}
	if err := credentials.SignRequest(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestIssue shows from when to when issued credentials are good, by the services' clock.
func TestIssue(t *testing.T) {
	now := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	a := newAuth(t, t.TempDir(), func() time.Time { return now })
	start, expiry := now, now.Add(20*time.Minute)
	c, err := a.Issue("queue", "task-client/x", []string{"queue:reclaim-task:x/0"}, start, expiry)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		now  time.Time
		good bool
	}{{start.Add(-time.Second), false}, {start, true}, {expiry, true}, {expiry.Add(time.Second), false}} {
		now = at.now
		caller, err := a.Authenticate(signed(t, c), nil)
		if (err == nil) != at.good {
			t.Errorf("at %v: %v", now, err)
		}
		if at.good && (caller.ClientID != "task-client/x" || !caller.Expires.Equal(expiry) || !slices.Contains(caller.Scopes, "queue:reclaim-task:x/0")) {
			t.Errorf("at %v: %+v", now, caller)
		}
	}
	if _, err := a.Issue("nobody", "x", nil, start, expiry); err == nil {
		t.Error("a service without a client issues")
	}
}

// TestIssuedForm compares the certificate's keys, and their order, with those of a real deployment.
func TestIssuedForm(t *testing.T) {
	a := newAuth(t, t.TempDir(), time.Now)
	c, err := a.Issue("queue", "x", nil, time.UnixMilli(1), time.UnixMilli(2))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.AccessToken) != 43 || !strings.HasPrefix(c.Certificate, `{"version":1,"scopes":[],"start":1,"expiry":2,"seed":"`) ||
		!strings.HasSuffix(c.Certificate, `,"issuer":"static/taskcluster/queue"}`) {
		t.Errorf("%d %s", len(c.AccessToken), c.Certificate)
	}
}

// TestTokensStay shows that the tokens of the deployment belong to its data folder.
func TestTokensStay(t *testing.T) {
	dir := t.TempDir()
	tokens := map[string]bool{}
	for range 2 {
		t.Run("", func(t *testing.T) { tokens[newAuth(t, dir, time.Now).RootToken().Reveal()] = true })
	}
	if len(tokens) != 1 {
		t.Errorf("%d tokens", len(tokens))
	}
	a := newAuth(t, t.TempDir(), time.Now)
	if tokens[a.RootToken().Reveal()] {
		t.Error("another folder has the same token")
	}
	if text := fmt.Sprintf("%v %+v", a.RootToken(), a.RootToken()); strings.Contains(text, a.RootToken().Reveal()) {
		t.Error("the token shows")
	}
}

// TestWrongTokenOfIssued guards the tests above against a service that checks nothing.
func TestWrongTokenOfIssued(t *testing.T) {
	a := newAuth(t, t.TempDir(), time.Now)
	c, err := a.Issue("queue", "x", nil, time.Now().Add(-time.Minute), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	c.AccessToken = strings.Repeat("x", len(c.AccessToken))
	if _, err := a.Authenticate(signed(t, c), nil); err == nil {
		t.Error("a wrong token is accepted")
	}
}
