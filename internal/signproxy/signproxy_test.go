package signproxy_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tent/hawk-go"
	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/signproxy"
	"github.com/workerkit/workerkit/internal/tc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	clientID = "task-client/t/0/on/g/w/until/1"
	token    = "access-token-of-a-run"
	// certificate has a member that the public client does not know.
	certificate = `{"version":1,"scopes":["a:*","b"],"start":1,"expiry":2,"seed":"the-seed","signature":"the-signature","issuer":"static/x","new":"member"}`
)

// temporary are the credentials of a run.
func temporary() tc.Credentials {
	return tc.Credentials{ClientID: clientID, AccessToken: secret.New(token), Certificate: secret.New(certificate)}
}

// stage is a proxy before a service.
type stage struct {
	proxy   http.Handler
	url     string // of the proxy
	host    string // of the service
	service *httptest.Server
	log     *lockedText
}

// newStage makes a proxy of a service; the mods may change its configuration.
func newStage(t *testing.T, service http.HandlerFunc, mods ...func(*signproxy.Config)) stage {
	t.Helper()
	upstream := httptest.NewServer(service)
	t.Cleanup(upstream.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	log := &lockedText{}
	c := signproxy.Config{
		RootURL: upstream.URL, Credentials: temporary, Scopes: []string{"a:x", "queue:create-artifact:t/0"}, Transport: transport,
		Retry:  retry.Policy{Initial: time.Millisecond, Attempts: 3},
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, mod := range mods {
		mod(&c)
	}
	p, err := signproxy.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return stage{p, server.URL, strings.TrimPrefix(upstream.URL, "http://"), upstream, log}
}

type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// do makes a call as it is: no redirect is followed, nothing is unpacked.
func do(t *testing.T, method, url, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	reply, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply, string(text)
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/api/queue/v1/task/x":                "/api/queue/v1/task/x",
		"/api/queue/v1/task/x?a=1&b=%20;c&&d": "/api/queue/v1/task/x?a=1&b=%20;c&&d",
		"/api/queue/v1/a%2Fb//c/../d%20e?":    "/api/queue/v1/a%2Fb//c/../d%20e?",
		"/queue/v1/task/a%2Fb?x=%2F":          "/api/queue/v1/task/a%2Fb?x=%2F",
		"/worker-manager/v1/ping":             "/api/worker-manager/v1/ping",
		"/HOST/api/queue/v1/ping?q":           "/api/queue/v1/ping?q",
		"/queue":                              "", // these go nowhere
		"/":                                   "",
		"/api/":                               "",
		"/169.254.169.254/latest/meta-data":   "",
		"/other.example.com/api/queue/v1/":    "",
	} {
		for _, below := range []string{"", "/deep/er"} {
			var got string
			s := newStage(t, func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI }, func(c *signproxy.Config) { c.RootURL += below + "/" })
			want, path := want, strings.ReplaceAll(path, "HOST", s.host)
			if want != "" && !strings.HasPrefix(path, "/"+s.host) {
				want = below + want // the path after a host is complete
			}
			reply, text := do(t, "GET", s.url+path, "", nil)
			if got != want {
				t.Errorf("%s went to %q, want %q", path, got, want)
			}
			if want == "" && (reply.StatusCode != http.StatusNotFound || !strings.Contains(text, `"code":"ProxyError"`)) {
				t.Errorf("%s: %s, %s", path, reply.Status, text)
			}
		}
	}
}

// verify checks a request as the services do, and returns what is said besides the signature.
func verify(t *testing.T, r *http.Request, accessToken string) (ext map[string]any) {
	t.Helper()
	auth, err := hawk.NewAuthFromRequest(r, func(c *hawk.Credentials) error {
		c.Key, c.Hash = accessToken, newHash
		return nil
	}, nil)
	if err != nil {
		t.Errorf("not signed: %v", err)
		return nil
	}
	host, port, _ := net.SplitHostPort(r.Host)
	unsigned, _, _ := strings.Cut(r.RequestURI, "bewit=") // it is last; the library unescapes what must stay as it is
	auth.Host, auth.Port, auth.RequestURI = host, port, strings.TrimRight(unsigned, "?&")
	if err := auth.Valid(); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.RequestURI, err)
	}
	if auth.Credentials.ID != clientID {
		t.Errorf("signed by %q", auth.Credentials.ID)
	}
	text, err := base64.StdEncoding.DecodeString(auth.Ext)
	if err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal(text, &ext); err != nil {
		t.Error(err)
	}
	return ext
}

func TestCallsAreSignedAndRestricted(t *testing.T) {
	s := newStage(t, func(w http.ResponseWriter, r *http.Request) {
		ext := verify(t, r, token)
		var want map[string]any
		_ = json.Unmarshal([]byte(`{"certificate": `+certificate+`, "authorizedScopes": ["a:x", "queue:create-artifact:t/0"]}`), &want)
		if !reflect.DeepEqual(ext, want) {
			t.Errorf("said %v, want %v", ext, want)
		}
		if len(r.Header["Authorization"]) != 1 {
			t.Errorf("authorized as %q", r.Header["Authorization"])
		}
		_, _ = io.Copy(w, r.Body)
	})
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		_, text := do(t, method, s.url+"/api/queue/v1/a%2Fb/c?d=e%20f", "body", http.Header{"Authorization": {"Bearer x", "Hawk y"}})
		if text != "body" {
			t.Errorf("%s: replied %q", method, text)
		}
	}
}

// TestPermanentCredentialsAndNoScopes: no scopes at all is a restriction as well.
func TestPermanentCredentialsAndNoScopes(t *testing.T) {
	s := newStage(t, func(_ http.ResponseWriter, r *http.Request) {
		if ext := verify(t, r, token); len(ext) != 1 || !reflect.DeepEqual(ext["authorizedScopes"], []any{}) {
			t.Errorf("said %v", ext)
		}
	}, func(c *signproxy.Config) {
		c.Scopes, c.Credentials = nil, tc.Fixed(tc.Credentials{ClientID: clientID, AccessToken: secret.New(token)})
	})
	reply, _ := do(t, "GET", s.url+"/api/auth/v1/ping", "", nil)
	if got := reply.Header.Get("X-Taskcluster-Proxy-Perm-ClientId"); got != clientID {
		t.Errorf("permanent client %q", got)
	}
	if got := reply.Header.Get("X-Taskcluster-Authorized-Scopes"); got != "[]" {
		t.Errorf("scopes %q", got)
	}
}

func TestReplySaysWhatWasCalledAndAsWhom(t *testing.T) {
	s := newStage(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Taskcluster-Endpoint", "a lie") })
	reply, _ := do(t, "GET", s.url+"/queue/v1/ping?x", "", nil)
	for name, want := range map[string]string{
		"X-Taskcluster-Endpoint":            "http://" + s.host + "/api/queue/v1/ping?x",
		"X-Taskcluster-Proxy-Temp-ClientId": clientID,
		"X-Taskcluster-Proxy-Temp-Scopes":   `["a:*","b"]`,
		"X-Taskcluster-Authorized-Scopes":   `["a:x","queue:create-artifact:t/0"]`,
	} {
		if got := reply.Header.Values(name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"X-Taskcluster-Proxy-Version", "X-Taskcluster-Proxy-Revision"} {
		if len(reply.Header.Values(name)) != 1 {
			t.Errorf("no %s", name)
		}
	}
}

func TestHeadersAreKeptWithAllTheirValues(t *testing.T) {
	var seen http.Header
	s := newStage(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		h := w.Header()
		h["Set-Cookie"] = []string{"a=1", "b=2"}
		h["Content-Type"], h["Date"] = nil, nil
		h.Set("Connection", "X-Own")
		h.Set("X-Own", "of this connection")
		h.Set("Content-Encoding", "gzip")
		h.Set("Location", "http://elsewhere.example.com/")
		w.WriteHeader(http.StatusSeeOther)
		_, _ = io.WriteString(w, "<html>as it is")
	})
	reply, text := do(t, "POST", s.url+"/api/queue/v1/ping", "x", http.Header{
		"X-Many": {"one", "two"}, "User-Agent": {"me"}, "Connection": {"X-Mine, Upgrade"}, "X-Mine": {"of this connection"},
		"Te": {"gzip"}, "Content-Type": {"application/json", "text/plain"}, "Upgrade": {"websocket"},
	})
	if text != "<html>as it is" || reply.StatusCode != http.StatusSeeOther {
		t.Errorf("%s, %q", reply.Status, text)
	}
	for name, want := range map[string][]string{
		"X-Many": {"one", "two"}, "User-Agent": {"me"}, "Content-Type": {"application/json", "text/plain"}, "Accept-Encoding": {"identity"},
		"X-Mine": nil, "Te": nil, "Connection": nil, "Upgrade": nil, "X-Forwarded-For": nil,
	} {
		if !slices.Equal(seen[name], want) {
			t.Errorf("the service got %s: %q, want %q", name, seen[name], want)
		}
	}
	for name, want := range map[string][]string{
		"Set-Cookie": {"a=1", "b=2"}, "Content-Encoding": {"gzip"}, "Location": {"http://elsewhere.example.com/"},
		"X-Own": nil, "Content-Type": nil, "Date": nil,
	} {
		if !slices.Equal(reply.Header[name], want) {
			t.Errorf("the caller got %s: %q, want %q", name, reply.Header[name], want)
		}
	}
}

func TestNobodyChangesTheCredentials(t *testing.T) {
	s := newStage(t, func(_ http.ResponseWriter, r *http.Request) { verify(t, r, token) })
	for _, method := range []string{"PUT", "GET", "POST"} {
		reply, text := do(t, method, s.url+"/credentials", `{"clientId": "mine", "accessToken": "mine"}`, nil)
		if reply.StatusCode != http.StatusForbidden || !strings.Contains(text, "cannot change") {
			t.Errorf("%s: %s, %s", method, reply.Status, text)
		}
	}
	do(t, "GET", s.url+"/api/queue/v1/ping", "", nil)
}

func TestRootURLThatIsNone(t *testing.T) {
	for _, root := range []string{"", "queue", "http://[", "/x"} {
		if _, err := signproxy.New(signproxy.Config{RootURL: root}); err == nil {
			t.Errorf("%q was taken", root)
		}
	}
}

// TestNothingIsShown: neither who calls nor the worker's log sees the token or the certificate's proof,
// also where something goes wrong.
func TestNothingIsShown(t *testing.T) {
	s := newStage(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	damaged := newStage(t, func(http.ResponseWriter, *http.Request) { t.Error("called with damaged credentials") }, func(c *signproxy.Config) {
		c.Credentials = tc.Fixed(tc.Credentials{ClientID: clientID, AccessToken: secret.New(token), Certificate: secret.New("the-seed{")})
	})
	for _, s := range []stage{s, damaged} {
		for _, path := range []string{"/api/queue/v1/ping", "/credentials", "/nowhere", "/bewit"} {
			reply, text := do(t, "POST", s.url+path, "http://x/y", nil)
			if path == "/api/queue/v1/ping" && reply.StatusCode != http.StatusBadGateway {
				t.Errorf("%s: %s", path, reply.Status)
			}
			said := text + s.log.String()
			for name, values := range reply.Header {
				said += name + strings.Join(values, " ")
			}
			for _, secret := range []string{token, "the-seed", "the-signature"} {
				if strings.Contains(said, secret) {
					t.Errorf("%s shows %q:\n%s", path, secret, said)
				}
			}
		}
	}
	if !strings.Contains(s.log.String(), "a call failed") {
		t.Error("the failure is nowhere in the worker's log")
	}
}
