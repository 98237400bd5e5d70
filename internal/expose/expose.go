// Package expose makes an HTTP handler of the worker reachable, at a port of the machine or through
// a websocktunnel server, and tells at which URL.
package expose

import (
	"context"
	"net/http"
)

// Exposer makes handlers reachable.
type Exposer interface {
	// Expose serves h until the exposure is closed. ctx bounds the beginning alone, which may
	// take as long as the network does.
	Expose(ctx context.Context, h http.Handler) (Exposure, error)
}

// Exposure is a handler that is reachable.
type Exposure interface {
	// URL is where the root of the handler is reached, without a slash at its end.
	URL() string
	// Close ends all connections and returns when their handlers have. It is safe to repeat.
	Close() error
}

// Mover is an Exposure whose URL may change.
type Mover interface {
	Exposure
	// Moved returns a channel that is closed when the URL changes for the next time.
	Moved() <-chan struct{}
}
