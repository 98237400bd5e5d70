package expose

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
)

// Tunnel makes handlers reachable through a websocktunnel server: the worker connects to it, and
// viewers ask it, so that the machine needs no port and no address of its own.
type Tunnel struct {
	Server string // the server's URL
	// ID is the client's name at the server, without another one that is connected at the same
	// time: the server ends the older connection.
	ID string
	// Token gives a fresh token for each connection.
	Token  func(ctx context.Context) (secret.String, error)
	Logger *slog.Logger
}

var _ Exposer = Tunnel{}

// again is how connecting is repeated: for as long as the exposure is wanted.
func (t Tunnel) again() retry.Policy {
	return retry.Policy{Notify: func(err error, wait time.Duration) {
		t.Logger.Warn("expose: no connection to the websocktunnel server", "id", t.ID, "error", err, "again", wait)
	}}
}

// Expose implements Exposer. It connects again and again until it is connected or ctx ends. When
// the connection breaks later, so do the viewers' requests, and a new one is made; a Mover
// tells whether it leads elsewhere.
func (t Tunnel) Expose(ctx context.Context, h http.Handler) (Exposure, error) {
	first, err := t.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("expose: connect to the websocktunnel server: %w", err)
	}
	e := &tunnel{tunnel: t, handler: newHandler(h), url: first.url(), moved: make(chan struct{}), served: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go e.serve(first)
	return e, nil
}

func (t Tunnel) connect(ctx context.Context) (made *link, err error) {
	err = retry.Do(ctx, t.again(), func(ctx context.Context) error {
		token, err := t.Token(ctx)
		if err == nil {
			made, err = dial(ctx, t.Server, t.ID, token)
		}
		return err
	})
	return made, err
}

// tunnel is a handler that is served through a tunnel.
type tunnel struct {
	tunnel  Tunnel
	handler *handler
	ctx     context.Context //nolint:containedctx // ends with Close
	cancel  context.CancelFunc
	served  chan struct{} // closed when serving has ended

	mu    sync.Mutex
	url   string
	moved chan struct{} // closed when url changes
}

var _ Mover = (*tunnel)(nil)

// URL implements Exposure.
func (e *tunnel) URL() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.url
}

// Moved implements Mover.
func (e *tunnel) Moved() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.moved
}

func (e *tunnel) move(url string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if url == e.url {
		return
	}
	e.url = url
	close(e.moved)
	e.moved = make(chan struct{})
}

// serve serves over one connection after the other until the exposure is closed.
func (e *tunnel) serve(l *link) {
	defer close(e.served)
	wait := time.Duration(0)
	for {
		connected := time.Now()
		server := newServer(e.handler, e.tunnel.Logger)
		stop := context.AfterFunc(e.ctx, func() { _ = server.Close() })
		err := server.Serve(l) // returns when the connection breaks or the server is closed
		stop()
		_ = server.Close() // what is left of the broken connection's requests
		_ = l.Close()      // not known to a server that was closed before it served
		if e.ctx.Err() != nil {
			return
		}
		wait = calm(wait, time.Since(connected))
		e.tunnel.Logger.Warn("expose: the connection to the websocktunnel server has broken", "id", e.tunnel.ID, "error", err, "again", wait)
		if !sleep(e.ctx, wait) {
			return
		}
		if l, err = e.tunnel.connect(e.ctx); err != nil {
			return // closed
		}
		e.move(l.url())
	}
}

const (
	steady   = time.Minute // what a connection lasts that is good
	calmest  = time.Minute
	firstGap = 500 * time.Millisecond
)

// calm is how long to wait when a connection has broken after it lasted so long, and the wait before the last
// one. Another client of the same name, say, ends ours whenever it connects, and we its.
func calm(before, lasted time.Duration) time.Duration {
	if lasted >= steady {
		return 0
	}
	return min(max(firstGap, 2*before), calmest)
}

// sleep tells whether all of d has passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Close implements Exposure.
func (e *tunnel) Close() error {
	e.handler.close()
	e.cancel()
	<-e.served
	e.handler.wait()
	return nil
}

// clean is a server's URL without a slash at its end.
func clean(url string) string { return strings.TrimRight(url, "/") }
