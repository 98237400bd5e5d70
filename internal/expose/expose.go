// Package expose makes an HTTP handler of the worker reachable and tells at which URL.
package expose

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Exposer makes handlers reachable.
type Exposer interface {
	// Expose serves h until the exposure is closed. ctx bounds the beginning alone.
	Expose(ctx context.Context, h http.Handler) (Exposure, error)
}

// Exposure is a handler that is reachable.
type Exposure interface {
	// URL is where the root of the handler is reached, without a slash at its end.
	URL() string
	// Close ends all connections and returns when their handlers have. It is safe to repeat.
	Close() error
}

// Local listens on this machine, for plain HTTP/1.1.
type Local struct {
	// PublicIP is the address at which others reach this machine. Only with one that is no
	// loopback address is the handler reachable from other machines; else it is from this one.
	PublicIP net.IP
	Port     uint16 // 0: any free one
	Logger   *slog.Logger
}

var _ Exposer = Local{}

// headerTimeout bounds how long a client may take for its request, and for the next one.
const headerTimeout = 20 * time.Second

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
	return l.serve(listener, h, "http://"+net.JoinHostPort(host.String(), port)), nil
}

// serve serves h at what listener accepts.
func (l Local) serve(listener net.Listener, h http.Handler, url string) *local {
	e := &local{url: url, served: make(chan struct{})}
	e.server = &http.Server{
		Handler:           e.counted(h),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       headerTimeout,
		ErrorLog:          slog.NewLogLogger(l.Logger.Handler(), slog.LevelDebug),
		Protocols:         new(http.Protocols),
	}
	e.server.Protocols.SetHTTP1(true)
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
