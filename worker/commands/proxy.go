package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/peer"
	"github.com/workerkit/workerkit/internal/proc"
)

// proxy serves a handler to the processes of one run.
type proxy struct {
	listener net.Listener
	handler  http.Handler
	logger   *slog.Logger
	server   *http.Server // nil until it serves
	serving  sync.WaitGroup
}

// newProxy takes the port, at which nobody is answered before serve.
func newProxy(ctx context.Context, port int, h http.Handler, logger *slog.Logger) (*proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("listen at port %d of 127.0.0.1, which taskclusterProxyPort and the task's slot give: %w", port, err)
	}
	return &proxy{listener: listener, handler: h, logger: logger}, nil
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

// guest is who is served.
type guest struct {
	user *proc.User // nil is this process's own, of which only the tree is served
	tree Tree
}

// admits tells whether whoever has made a connection is a guest.
func (g guest) admits(c net.Conn) bool {
	here, there := address(c.LocalAddr()), address(c.RemoteAddr())
	from, err := peer.Of(here, there)
	if err != nil {
		return errors.Is(err, peer.ErrUnsupported) && there.Addr().Unmap().IsLoopback()
	}
	uid, known := from.Owner()
	const root = 0
	own := uint32(os.Geteuid()) //nolint:gosec // not negative where it matters
	switch {
	case !known:
		return from.HeldBy(g.tree.Members())
	case g.user != nil:
		// The worker is root itself, and fetches what other tasks' payloads name.
		return uid == g.user.UID || uid == root && !from.HeldBy([]int{os.Getpid()})
	case uid == own:
		return from.HeldBy(g.tree.Members())
	default:
		return uid == root
	}
}

func address(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// admitted is the key of the function that tells whether a connection is a guest's.
type admitted struct{}

// serve serves the guest until close.
func (p *proxy) serve(g guest) {
	p.server = &http.Server{
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(p.logger.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, admitted{}, sync.OnceValue(func() bool { return g.admits(c) }))
		},
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state { //nolint:exhaustive // the others are in between
			case http.StateNew:
				p.serving.Add(1)
			case http.StateClosed, http.StateHijacked:
				p.serving.Done()
			}
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if guest, ok := r.Context().Value(admitted{}).(func() bool); !ok || !guest() {
				w.Header().Set("Connection", "close")
				http.Error(w, "this proxy serves the processes of one task only", http.StatusForbidden)
				return
			}
			p.handler.ServeHTTP(w, r)
		}),
	}
	p.serving.Go(func() { _ = p.server.Serve(p.listener) }) // ends with close
}

// close ends all connections and returns when none is served any more. It may be repeated.
func (p *proxy) close() {
	_ = p.listener.Close()
	if p.server != nil {
		_ = p.server.Close()
	}
	p.serving.Wait()
}
