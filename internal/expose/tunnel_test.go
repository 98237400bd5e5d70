package expose_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/internal/expose/exposetest"
	"github.com/workerkit/workerkit/internal/secret"
)

const id = "group.worker-1.60099"

// viewer is a client of one connection a request.
func viewer() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
}

// log is a log that several goroutines write and the test reads.
type log struct {
	mu    sync.Mutex
	text  bytes.Buffer
	heard func(text string) // unless it is nil: gets what has been written, each time
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	n, err := l.text.Write(p)
	text := l.text.String()
	l.mu.Unlock()
	if l.heard != nil {
		l.heard(text)
	}
	return n, err
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// tunnelTo is an exposer that counts the tokens that it asks for.
func tunnelTo(server *exposetest.Server, tokens *atomic.Int32, logger *slog.Logger) expose.Tunnel {
	return expose.Tunnel{Server: server.URL, ID: id, Logger: logger, Token: func(context.Context) (secret.String, error) {
		tokens.Add(1)
		return server.Token(id)
	}}
}

func TestThroughTheRealServer(t *testing.T) {
	server := exposetest.Start(t, secret.String{})
	var tokens atomic.Int32
	var said log
	e, err := tunnelTo(server, &tokens, slog.New(slog.NewTextHandler(&said, nil))).Expose(t.Context(), http.HandlerFunc(hello))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if want := server.URL + "/" + id; e.URL() != want {
		t.Errorf("URL %s, want %s", e.URL(), want)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := get(t, viewer(), e.URL()+"/some/path"); got != "HTTP/1.1 /some/path" {
				t.Errorf("got %q", got)
			}
		})
	}
	wg.Wait()

	// The server starts again, and has another name for itself.
	moved := e.(expose.Mover).Moved()
	elsewhere := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	server.Restart(t, elsewhere)
	select {
	case <-moved:
	case <-time.After(time.Minute):
		t.Fatal("not connected again")
	}
	if want := elsewhere + "/" + id; e.URL() != want {
		t.Errorf("URL %s, want %s", e.URL(), want)
	}
	if got := get(t, viewer(), server.URL+"/"+id+"/again"); got != "HTTP/1.1 /again" {
		t.Errorf("after the restart: %q", got)
	}
	if n := tokens.Load(); n < 2 {
		t.Errorf("%d tokens for two connections", n)
	}
	if text := said.String(); !strings.Contains(text, "has broken") || strings.Contains(text, "eyJ") {
		t.Errorf("log: %s", text)
	}
}

// TestCloseLeavesNothingAtTheServer: the public client by itself connects again when it is closed.
func TestCloseLeavesNothingAtTheServer(t *testing.T) {
	server := exposetest.Start(t, secret.String{})
	var tokens atomic.Int32
	entered := make(chan struct{})
	var ended atomic.Bool
	e, err := tunnelTo(server, &tokens, slog.New(slog.DiscardHandler)).Expose(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		close(entered)
		<-r.Context().Done()
		ended.Store(true)
	}))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := viewer().Get(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	<-entered
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if !ended.Load() {
		t.Error("Close did not wait for the handler")
	}
	var gone time.Time // since when the server does not know it; for a second it is to stay so
	for until := time.Now().Add(20 * time.Second); gone.IsZero() || time.Since(gone) < time.Second; time.Sleep(50 * time.Millisecond) {
		reply, err := viewer().Get(server.URL + "/" + id)
		known := err != nil // it has hung up, as it does on who asks for a tunnel that breaks just then
		status := "hangs up"
		if err == nil {
			reply.Body.Close()
			known, status = reply.StatusCode != http.StatusGatewayTimeout, reply.Status
		}
		if !known && gone.IsZero() {
			gone = time.Now()
		}
		if known && (!gone.IsZero() || time.Now().After(until)) {
			t.Fatalf("the server still knows the client: %s, %v", status, err)
		}
	}
}

// TestTwoOfOneNameDoNotFight: the server ends the connection of one when the other connects.
func TestTwoOfOneNameDoNotFight(t *testing.T) {
	server := exposetest.Start(t, secret.String{})
	var tokens atomic.Int32
	for range 2 {
		e, err := tunnelTo(server, &tokens, slog.New(slog.DiscardHandler)).Expose(t.Context(), http.HandlerFunc(hello))
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
	}
	time.Sleep(3 * time.Second) // for that long they may fight
	if n := tokens.Load(); n < 3 || n > 12 {
		t.Errorf("%d connections in three seconds", n)
	}
}

// TestUpgradeThroughATunnel: what is no plain HTTP (websockets of shells) gets through as well, and
// the request's context lives on.
func TestUpgradeThroughATunnel(t *testing.T) {
	server := exposetest.Start(t, secret.String{})
	var tokens atomic.Int32
	gone := make(chan error, 1)
	e, err := tunnelTo(server, &tokens, slog.New(slog.DiscardHandler)).Expose(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, both, err := http.NewResponseController(w).Hijack()
		gone <- errors.Join(err, r.Context().Err())
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(both, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nraw")
		_ = both.Flush()
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if got := get(t, viewer(), e.URL()); got != "raw" {
		t.Errorf("got %q", got)
	}
	if err := <-gone; err != nil {
		t.Error(err)
	}
}

// TestExposingEndsWithItsContext has servers that do not do: nothing listens, nothing is said, the
// token is refused, there is no token. Each is tried again until the time is up.
func TestExposingEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	refusing := refuse(t)
	for name, c := range map[string]struct {
		server string
		token  error
		want   string
	}{
		"nothing listens": {"http://127.0.0.1:1", nil, "nothing answers as a websocktunnel server at http://127.0.0.1:1"},
		"nothing is said": {"http://" + silent.Addr().String(), nil, ""},
		"refused":         {"http://" + refusing, nil, "does not take the token"},
		"no token":        {"http://" + refusing, errors.New("no scope"), "no scope"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			enough := errors.New("enough was said")
			said := log{heard: func(text string) {
				if strings.Contains(text, c.want) {
					cancel(enough)
				}
			}}
			if c.want == "" {
				time.AfterFunc(100*time.Millisecond, func() { cancel(enough) })
			}
			exposer := expose.Tunnel{Server: c.server, ID: id, Logger: slog.New(slog.NewTextHandler(&said, nil)),
				Token: func(context.Context) (secret.String, error) { return secret.New("a.b.c"), c.token }}
			e, err := exposer.Expose(ctx, http.NotFoundHandler())
			if e != nil || !errors.Is(err, enough) {
				t.Errorf("%v, %v", e, err)
			}
			if text := said.String(); !strings.Contains(text, c.want) || strings.Contains(text, "a.b.c") {
				t.Errorf("log: %s", text)
			}
			if name == "nothing is said" { // lets the attempt end, which cannot be called back
				if conn, err := silent.Accept(); err == nil {
					conn.Close()
				}
			}
		})
	}
}

// refuse listens for requests and answers that they are not authorized.
func refuse(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			conn.Close()
		}
	}()
	return listener.Addr().String()
}
