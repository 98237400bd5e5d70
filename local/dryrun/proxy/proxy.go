// Package proxy stands between a program and the clouds that it believes to call: an HTTPS proxy
// which is itself what is behind it. The program is told of it by HTTPS_PROXY, and trusts its
// certificate authority by SSL_CERT_FILE.
package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// Route is who answers for the hosts with a name ("login.microsoftonline.com"). A name which
// begins with a dot is that of a domain (".amazonaws.com").
type Route struct {
	Host    string
	Handler http.Handler
}

// Proxy answers on loopback. It lets nothing out: a host without a route is refused.
type Proxy struct {
	routes   []Route
	log      *slog.Logger
	ca       *authority
	listener net.Listener
	outer    *http.Server // takes CONNECT
	inner    *http.Server // answers what comes through it
	tunnels  *tunnels
	done     chan struct{} // outer and inner have ended
}

// Start starts a proxy. It ends with ctx, or by Close.
func Start(ctx context.Context, log *slog.Logger, routes ...Route) (*Proxy, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ca, err := newAuthority(time.Now())
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p := &Proxy{routes: routes, log: log, ca: ca, listener: l, tunnels: newTunnels(l.Addr()), done: make(chan struct{})}
	const patience = 30 * time.Second
	quiet := slog.NewLogLogger(log.Handler(), slog.LevelDebug) // of handshakes that clients break off
	p.outer = &http.Server{Handler: http.HandlerFunc(p.connect), ReadHeaderTimeout: patience, ErrorLog: quiet}
	p.inner = &http.Server{Handler: http.HandlerFunc(p.route), ReadHeaderTimeout: patience, ErrorLog: quiet}
	stop := context.AfterFunc(ctx, p.stop)
	go func() {
		defer close(p.done)
		defer stop()
		inner := make(chan error, 1)
		go func() { inner <- p.inner.Serve(p.tunnels) }()
		p.report(p.outer.Serve(l))
		p.report(<-inner)
	}()
	return p, nil
}

// report logs why a server ended, unless it was told to.
func (p *Proxy) report(err error) {
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		p.log.Error("the proxy ended", slog.Any("error", err))
	}
}

// URL is the proxy's, for HTTPS_PROXY.
func (p *Proxy) URL() string { return "http://" + p.listener.Addr().String() }

// Certificate is that of the authority, in PEM, for SSL_CERT_FILE.
func (p *Proxy) Certificate() []byte { return p.ca.pem }

// Close ends the proxy and every connection through it.
func (p *Proxy) Close() error {
	p.stop()
	<-p.done
	return nil
}

// stop ends both servers; that they are told so twice is no harm.
func (p *Proxy) stop() {
	_ = p.outer.Close()
	_ = p.tunnels.Close()
	_ = p.inner.Close()
}

// find is who answers for a host, nil when nobody does.
func (p *Proxy) find(host string) http.Handler {
	for _, r := range p.routes {
		if host == r.Host || strings.HasPrefix(r.Host, ".") && strings.HasSuffix(host, r.Host) {
			return r.Handler
		}
	}
	return nil
}

// connect answers CONNECT, the one method that a client of HTTPS asks of a proxy.
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || err != nil {
		http.Error(w, "this proxy is for HTTPS only: it answers CONNECT host:port", http.StatusMethodNotAllowed)
		return
	}
	if p.find(host) == nil {
		p.log.Warn("a dry run calls nobody outside", slog.String("host", host))
		http.Error(w, "a dry run calls nobody outside, and nothing stands for "+host, http.StatusBadGateway)
		return
	}
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := io.WriteString(connection, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil || buffered.Reader.Buffered() > 0 {
		_ = connection.Close() // who speaks before it is answered does not speak TLS to a proxy
		return
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return p.ca.certificate(host)
		},
	}
	p.tunnels.add(tls.Server(connection, config))
}

// route passes a request on to whoever answers for its host.
func (p *Proxy) route(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	h := p.find(host)
	if h == nil {
		http.Error(w, "nothing stands for "+host, http.StatusMisdirectedRequest)
		return
	}
	h.ServeHTTP(w, r)
}
