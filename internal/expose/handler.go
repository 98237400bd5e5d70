package expose

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// headerTimeout bounds how long a client may take for its request, and for the next one.
	headerTimeout = 20 * time.Second
	// mostHeader bounds what is kept of the requests of clients that nobody knows yet, in bytes.
	mostHeader = 64 << 10
)

// newServer serves h, as HTTP/1.1 alone.
func newServer(h http.Handler, logger *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       headerTimeout,
		MaxHeaderBytes:    mostHeader,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		Protocols:         new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	return s
}

// handler counts the requests that are being handled, which a server itself does not wait for.
type handler struct {
	http.Handler
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func newHandler(h http.Handler) *handler { return &handler{Handler: h} }

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		http.Error(w, "the worker no longer serves this", http.StatusServiceUnavailable)
		return
	}
	h.running.Add(1)
	h.mu.Unlock()
	defer h.running.Done()
	h.Handler.ServeHTTP(w, r)
}

// close lets no further request begin.
func (h *handler) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
}

// wait waits for the requests that had begun, after close.
func (h *handler) wait() { h.running.Wait() }
