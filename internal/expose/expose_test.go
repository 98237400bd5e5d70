package expose_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/expose"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func exposed(t *testing.T, l expose.Local, h http.Handler) expose.Exposure {
	t.Helper()
	l.Logger = slog.New(slog.DiscardHandler)
	e, err := l.Expose(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func hello(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto+" "+r.URL.Path) }

func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	defer client.CloseIdleConnections()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestHandlerIsReachableAtItsURL(t *testing.T) {
	e := exposed(t, expose.Local{}, http.HandlerFunc(hello))
	if got := get(t, &http.Client{Transport: &http.Transport{}}, e.URL()+"/x"); got != "HTTP/1.1 /x" {
		t.Errorf("got %q", got)
	}
}

// pipes is a listener for connections within this process.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestIdleConnectionsAreClosed: a client that asks no more does not keep its connection.
func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
		e := expose.Serve(expose.Local{Logger: slog.New(slog.DiscardHandler)}, listener, http.HandlerFunc(hello))
		defer e.Close()
		client, server := net.Pipe()
		defer client.Close()
		listener.accepted <- server
		if _, err := io.WriteString(client, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := client.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		reply, err := io.ReadAll(client)
		if err != nil || !strings.HasSuffix(string(reply), "HTTP/1.1 /x") {
			t.Errorf("%q, %v", reply, err)
		}
		if took := time.Since(begin); took != 20*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

// TestOnlyAPublicAddressIsReachableFromOutside listens, as everything in tests, on loopback; it
// looks at what would be listened on otherwise.
func TestOnlyAPublicAddressIsReachableFromOutside(t *testing.T) {
	for _, test := range []struct{ public, bind, host string }{
		{"", "127.0.0.1", "127.0.0.1"},
		{"127.0.0.7", "127.0.0.7", "127.0.0.7"},
		{"::1", "::1", "::1"},
		{"203.0.113.9", "0.0.0.0", "203.0.113.9"},
		{"2001:db8::9", "::", "2001:db8::9"},
	} {
		bind, host := expose.Addresses(expose.Local{PublicIP: net.ParseIP(test.public)})
		if bind.String() != test.bind || host.String() != test.host {
			t.Errorf("%q listens on %v and is called %v", test.public, bind, host)
		}
	}
}

func TestPortIsTheOneAskedFor(t *testing.T) {
	first := exposed(t, expose.Local{}, http.HandlerFunc(hello))
	u, err := url.Parse(first.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := net.LookupPort("tcp", u.Port())
	if err != nil {
		t.Fatal(err)
	}
	l := expose.Local{Port: uint16(port), Logger: slog.New(slog.DiscardHandler)} //nolint:gosec // a port
	if e, err := l.Expose(t.Context(), http.NotFoundHandler()); err == nil {
		e.Close()
		t.Fatal("a port that is taken was taken again")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if again := exposed(t, l, http.NotFoundHandler()); again.URL() != first.URL() {
		t.Errorf("%s, not %s", again.URL(), first.URL())
	}
}

func TestCloseEndsRequestsAndWaitsForThem(t *testing.T) {
	entered, ended := make(chan struct{}), false
	e := exposed(t, expose.Local{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		time.Sleep(10 * time.Millisecond) // Close has to wait for this
		ended = true
	}))
	failed := make(chan error)
	go func() {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, e.URL(), nil)
		if err == nil {
			var reply *http.Response
			if reply, err = (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request); err == nil {
				reply.Body.Close()
			}
		}
		failed <- err
	}()
	<-entered
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if !ended {
		t.Error("the handler was still running")
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
}

// TestNothingIsServedAfterTheEnd: an empty page would look like all there is of a log.
func TestNothingIsServedAfterTheEnd(t *testing.T) {
	reply := httptest.NewRecorder()
	expose.Ended(http.HandlerFunc(hello)).ServeHTTP(reply, httptest.NewRequest(http.MethodGet, "/", nil))
	if reply.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", reply.Code)
	}
}

// TestHeadersAreBounded: whoever finds the port can send them.
func TestHeadersAreBounded(t *testing.T) {
	e, err := expose.Local{Logger: slog.New(slog.DiscardHandler)}.Expose(t.Context(), http.HandlerFunc(hello))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Long", strings.Repeat("x", 100<<10))
	reply, err := viewer().Do(request)
	if err != nil {
		return // the connection may break before the answer is read
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%s", reply.Status)
	}
}
