// Package apitest serves single services over HTTP for their own tests: with a store, a clock
// that the test moves, and callers that hold whatever scopes the test says.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/reference"
	"github.com/workerkit/workerkit/local/store"
)

// scopesHeader carries a caller's scopes, one in a value.
const scopesHeader = "X-Apitest-Scopes"

// Env is the surroundings of the services under test.
type Env struct {
	URL    string // the root URL
	Store  *store.Store
	Logger *slog.Logger

	t         testing.TB
	reference *reference.Reference
	server    *api.Server
	mux       *http.ServeMux

	mu  sync.Mutex
	now time.Time
}

// New starts an Env without services; it ends with the test.
func New(t testing.TB) *Env {
	t.Helper()
	ref, err := reference.Load()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	e := &Env{
		Store: db, Logger: slog.New(slog.DiscardHandler), t: t, reference: ref, mux: http.NewServeMux(),
		now: time.Date(2026, 11, 22, 2, 30, 45, 789_000_000, time.UTC),
	}
	e.server = api.NewServer(api.Options{Reference: ref, Authenticator: trusting{}, Clock: e.Now, Logger: e.Logger})
	e.mux.Handle("/", e.server)
	listener := httptest.NewServer(e.mux)
	e.URL = listener.URL
	t.Cleanup(func() {
		listener.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// Add adds a service. It must not be called once calls are made.
func (e *Env) Add(service api.Service) {
	e.t.Helper()
	if err := e.server.Add(service); err != nil {
		e.t.Fatal(err)
	}
}

// Handle serves a path outside of the API. It must not be called once calls are made.
func (e *Env) Handle(path string, h http.Handler) { e.mux.Handle(path, h) }

// RootURL is URL, as services ask for it.
func (e *Env) RootURL() string { return e.URL }

// Now is the time by the Env's clock.
func (e *Env) Now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

// Advance moves the Env's clock.
func (e *Env) Advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

// Issue implements api.Issuer, with a certificate that tells what it was issued for but that
// nobody has signed.
func (e *Env) Issue(service, clientID string, scopes []string, start, expiry time.Time) (api.Credentials, error) {
	cert, err := json.Marshal(tcclient.Certificate{
		Version: 1, Scopes: scopes, Start: start.UnixMilli(), Expiry: expiry.UnixMilli(),
		Seed: slugid.V4() + slugid.V4(), Signature: "none", Issuer: "static/taskcluster/" + service,
	})
	return api.Credentials{ClientID: clientID, AccessToken: slugid.V4(), Certificate: string(cert)}, err
}

// Call is one call of a method by its name in the reference.
type Call struct {
	Method string   // "secrets.get"
	Args   []string // in the place of the route's parameters
	Query  url.Values
	Body   any      // encoded as JSON; nil sends none
	Scopes []string // of the caller; nil means every scope, empty means none
}

// Reply is the reply to a Call.
type Reply struct {
	Status   int
	Location string
	Code     string // of an error
	Message  string // of an error, without the lines that repeat the request
	Body     []byte
}

// Do makes a call. Redirects are not followed.
func (e *Env) Do(c Call) Reply {
	e.t.Helper()
	request := e.request(c)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	reply := Reply{Status: response.StatusCode, Location: response.Header.Get("Location")}
	if reply.Body, err = io.ReadAll(response.Body); err != nil {
		e.t.Fatal(err)
	}
	if reply.Status >= http.StatusBadRequest {
		var fault struct{ Code, Message string }
		if err := json.Unmarshal(reply.Body, &fault); err != nil {
			e.t.Fatalf("%s: the error is not JSON: %v: %s", c.Method, err, reply.Body)
		}
		reply.Code = fault.Code
		reply.Message, _, _ = strings.Cut(fault.Message, "\n\n---\n\n")
	}
	return reply
}

// OK makes a call that must succeed, and decodes its reply into v, unless that is nil.
func (e *Env) OK(c Call, v any) {
	e.t.Helper()
	reply := e.Do(c)
	if reply.Status >= http.StatusMultipleChoices {
		e.t.Fatalf("%s: %d %s", c.Method, reply.Status, reply.Body)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(reply.Body, v); err != nil {
		e.t.Fatalf("%s: %v: %s", c.Method, err, reply.Body)
	}
}

func (e *Env) request(c Call) *http.Request {
	e.t.Helper()
	method, path := e.route(c)
	var body io.Reader
	if c.Body != nil {
		data, err := json.Marshal(c.Body)
		if err != nil {
			e.t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, e.URL+path+"?"+c.Query.Encode(), body)
	if err != nil {
		e.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	scopes := c.Scopes
	if scopes == nil {
		scopes = []string{"*"}
	}
	for _, scope := range scopes {
		r.Header.Add(scopesHeader, scope)
	}
	return r
}

// route finds the method in the reference and fills in its route.
func (e *Env) route(c Call) (method, path string) {
	e.t.Helper()
	serviceName, methodName, _ := strings.Cut(c.Method, ".")
	service, ok := e.reference.Service(serviceName)
	if !ok {
		e.t.Fatalf("no service %q", serviceName)
	}
	param := regexp.MustCompile(`<\w+>`)
	for _, entry := range service.Entries {
		if entry.Name != methodName {
			continue
		}
		args := c.Args
		route := param.ReplaceAllStringFunc(entry.Route, func(string) string {
			if len(args) == 0 {
				e.t.Fatalf("%s: too few arguments", c.Method)
			}
			arg := args[0]
			args = args[1:]
			return url.PathEscape(arg)
		})
		return strings.ToUpper(entry.Method), "/api/" + service.Name + "/" + service.Version + route
	}
	e.t.Fatalf("no method %q", c.Method)
	return "", ""
}

// trusting takes the scopes that a call says it has.
type trusting struct{}

func (trusting) Authenticate(r *http.Request, _ []byte) (api.Caller, error) {
	return api.Caller{ClientID: "test-client", Scopes: r.Header.Values(scopesHeader)}, nil
}
