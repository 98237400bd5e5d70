package expose

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// Local listens on this machine, for HTTP/1.1.
type Local struct {
	// PublicIP is the address at which others reach this machine. Only with one that is no
	// loopback address is the handler reachable from other machines; else it is from this one.
	PublicIP net.IP
	Port     uint16 // 0: any free one
	// Certificate has HTTPS spoken, if not nil. Viewers check it: where it is not for the address, the
	// URL has the first name that it is for.
	Certificate *tls.Certificate
	Logger      *slog.Logger
}

var _ Exposer = Local{}

// Expose implements Exposer.
func (l Local) Expose(ctx context.Context, h http.Handler) (Exposure, error) {
	bind, host := l.addresses()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(bind.String(), strconv.Itoa(int(l.Port))))
	if err != nil {
		return nil, fmt.Errorf("expose: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("expose: %w", err)
	}
	scheme := "http://"
	if l.Certificate != nil {
		scheme = "https://"
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*l.Certificate}, MinVersion: tls.VersionTLS12})
	}
	return l.serve(listener, h, scheme+net.JoinHostPort(l.name(host), port)), nil
}

// serve serves h at what listener accepts.
func (l Local) serve(listener net.Listener, h http.Handler, url string) *local {
	counted := newHandler(h)
	e := &local{url: url, handler: counted, server: newServer(counted, l.Logger), served: make(chan struct{})}
	go e.serve(listener)
	return e
}

// addresses says where to listen and what to call that.
func (l Local) addresses() (bind, host net.IP) {
	loopback := net.IPv4(127, 0, 0, 1)
	switch {
	case l.PublicIP == nil:
		return loopback, loopback
	case l.PublicIP.IsLoopback():
		return l.PublicIP, l.PublicIP
	case l.PublicIP.To4() != nil:
		return net.IPv4zero, l.PublicIP
	default:
		return net.IPv6unspecified, l.PublicIP
	}
}

// name is what viewers call the host.
func (l Local) name(host net.IP) string {
	if l.Certificate == nil || l.Certificate.Leaf == nil || l.Certificate.Leaf.VerifyHostname(host.String()) == nil {
		return host.String()
	}
	for _, name := range l.Certificate.Leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return host.String()
}

// local is a handler that is served on this machine.
type local struct {
	url     string
	handler *handler
	server  *http.Server
	served  chan struct{} // closed when serving has ended
}

// URL implements Exposure.
func (e *local) URL() string { return e.url }

func (e *local) serve(listener net.Listener) {
	defer close(e.served)
	_ = e.server.Serve(listener) // returns when the server is closed
}

// Close implements Exposure.
func (e *local) Close() error {
	e.handler.close()
	err := e.server.Close()
	<-e.served
	e.handler.wait()
	return err
}
