package expose

import (
	"net"
	"net/http"
	"sync"
)

// local is a handler that is served on this machine.
type local struct {
	url    string
	server *http.Server
	served chan struct{} // closed when serving has ended

	mu       sync.Mutex
	closed   bool
	handlers sync.WaitGroup
}

func (e *local) URL() string { return e.url }

func (e *local) serve(listener net.Listener) {
	defer close(e.served)
	_ = e.server.Serve(listener) // returns when the server is closed
}

// Close implements Exposure.
func (e *local) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	err := e.server.Close()
	<-e.served
	e.handlers.Wait()
	return err
}

// counted counts the requests that are being handled, which the server itself does not wait for.
func (e *local) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			return
		}
		e.handlers.Add(1)
		e.mu.Unlock()
		defer e.handlers.Done()
		h.ServeHTTP(w, r)
	})
}
