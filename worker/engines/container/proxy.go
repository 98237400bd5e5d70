package container

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
)

// proxy serves a handler to the container of one run, at this machine's address in its network.
type proxy struct {
	name     string
	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup
}

// Proxy implements engines.Proxier. In the URL is name, which leads to this machine's address in the
// network of the run. The first proxy has the configured port there, unless somebody listens at it on all
// addresses of the machine. Whoever is not in that network is told so with status 403.
func (b *builder) Proxy(ctx context.Context, name string, h http.Handler) (string, error) {
	e := b.engine.config.Docker
	switch {
	case e.Rootless:
		return "", fmt.Errorf("container: a rootless engine has no address of this machine for its containers: %w", engines.ErrNotSupported)
	case !strings.HasPrefix(e.Host, "unix:") || !b.net.gateway.IsValid():
		return "", fmt.Errorf("container: this machine has no address in the task's network: %w", engines.ErrNotSupported)
	}
	listener, err := b.listen(ctx, name)
	if err != nil {
		return "", fmt.Errorf("container: listen in the task's network: %w", err)
	}
	b.proxies = append(b.proxies, newProxy(name, listener, b.net, h, b.run.Logger))
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // an address of TCP
	if port == "80" {
		return "http://" + name, nil
	}
	return "http://" + net.JoinHostPort(name, port), nil
}

// listen takes the port. Podman makes a network's bridge with the first container in it: the address may
// be nobody's yet.
func (b *builder) listen(ctx context.Context, name string) (net.Listener, error) {
	at := net.ListenConfig{Control: early}
	port := b.engine.config.ProxyPort
	if len(b.proxies) > 0 {
		port = 0
	}
	listener, err := at.Listen(ctx, "tcp4", netip.AddrPortFrom(b.net.gateway, port).String())
	if err == nil || port == 0 || ctx.Err() != nil {
		return listener, err //nolint:wrapcheck // by Proxy
	}
	listener, again := at.Listen(ctx, "tcp4", netip.AddrPortFrom(b.net.gateway, 0).String())
	if again != nil {
		return nil, errors.Join(err, again)
	}
	b.run.Log.Warn("http://%s is at port %d in this task, not at %d, which taskclusterProxyPort says (%v): only TASKCLUSTER_PROXY_URL leads there",
		name, listener.Addr().(*net.TCPAddr).Port, port, err) //nolint:forcetypeassert // of a listener for TCP
	return listener, nil
}

// hosts are the entries by which the container finds the proxies.
func (b *builder) hosts() []string {
	var all []string
	for _, p := range b.proxies {
		all = append(all, p.name+":"+b.net.gateway.String())
	}
	return all
}

// newProxy serves.
func newProxy(name string, listener net.Listener, n *network, h http.Handler, logger *slog.Logger) *proxy {
	p := &proxy{name: name, listener: listener}
	p.server = &http.Server{
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state { //nolint:exhaustive // the others are in between
			case http.StateNew:
				p.serving.Add(1)
			case http.StateClosed, http.StateHijacked:
				p.serving.Done()
			}
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if from, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !n.guest(from.Addr()) {
				w.Header().Set("Connection", "close")
				http.Error(w, "this proxy serves the container of one task only", http.StatusForbidden)
				return
			}
			h.ServeHTTP(w, r)
		}),
	}
	p.serving.Go(func() { _ = p.server.Serve(p.listener) }) // ends with close
	return p
}

// guest tells whether an address is a container's in the network.
func (n *network) guest(a netip.Addr) bool {
	a = a.Unmap()
	return n.subnet.Contains(a) && a != n.gateway
}

// close ends all connections and returns when none is served any more. It may be repeated.
func (p *proxy) close() {
	_ = p.listener.Close()
	_ = p.server.Close()
	p.serving.Wait()
}
