package expose

import (
	"net"
	"net/http"
)

// Addresses shows where an exposer would listen.
func Addresses(l Local) (bind, host net.IP) { return l.addresses() }

// Serve serves h at what listener accepts.
func Serve(l Local, listener net.Listener, h http.Handler) Exposure { return l.serve(listener, h, "") }

// Ended is how a handler is served whose exposure has been closed.
func Ended(h http.Handler) http.Handler {
	ended := newHandler(h)
	ended.close()
	return ended
}
