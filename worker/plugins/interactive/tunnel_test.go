package interactive_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/internal/expose/exposetest"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/worker/plugins/interactive"
)

// TestThroughTunnel: a worker that nobody can connect to has shells and a page all the same.
func TestThroughTunnel(t *testing.T) {
	server := exposetest.Start(t, secret.String{})
	s := start(t, newPlugin(func(c *interactive.Config) {
		c.Exposer = func(int) expose.Exposer { return tunnel(t, server) }
	}))
	if !strings.HasPrefix(s.address, server.URL+"/") {
		t.Fatalf("the address is not the server's %s", server.URL)
	}
	if reply := get(t, http.MethodGet, s.address+"/vendor/xterm.mjs"); reply.StatusCode != http.StatusOK {
		t.Errorf("the page: %s", reply.Status)
	}
	if reply := get(t, http.MethodGet, s.address+"x/"); reply.StatusCode != http.StatusUnauthorized {
		t.Errorf("another secret: %s", reply.Status)
	}
	conn := s.dial(t)
	say(t, conn, "\x01far away")
	hear(t, conn, "FAR AWAY")
	say(t, conn, "\x01last words")
	say(t, conn, "\x01exit")
	hear(t, conn, "LAST WORDS")
	if _, _, err := conn.ReadMessage(); err == nil { // the server does not pass on how it ended
		t.Error("the connection goes on after the shell")
	}
	s.dial(t)
	s.stop(t)
	if s.sandbox.count() != 0 {
		t.Error("a shell is left")
	}
}

func tunnel(t *testing.T, server *exposetest.Server) expose.Exposer {
	const id = "group.worker.1"
	return expose.Tunnel{
		Server: server.URL, ID: id, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Token: func(context.Context) (secret.String, error) { return server.Token(id) },
	}
}

// TestTunnelThatLeadsElsewhere: the artifacts follow.
func TestTunnelThatLeadsElsewhere(t *testing.T) {
	server := exposetest.Start(t, secret.String{})
	s := start(t, newPlugin(func(c *interactive.Config) {
		c.Exposer = func(int) expose.Exposer { return tunnel(t, server) }
	}))
	server.Stop()
	server.Restart(t, server.URL+"/elsewhere")
	until(t, "other artifacts", func() bool { return len(s.Queue.Calls()) == 4 })
	if moved := s.Queue.Calls()[3]; moved.Name != "private/generic-worker/terminal.html" || !strings.Contains(moved.URL, "/elsewhere/group.worker.1/shell/") {
		t.Errorf("%s leads elsewhere", moved.Name)
	}
}
