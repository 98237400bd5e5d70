package api

import (
	"context"
	"net/http"
	"time"
)

// Delay passes calls on to next and holds each reply back by d, from when it is ready: a
// stand-in for the network and the services of a real deployment. It waits no longer than
// the call's context lives.
func Delay(next http.Handler, d time.Duration) http.Handler {
	if d <= 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		delayed := &delayedWriter{ResponseWriter: w, ctx: r.Context(), delay: d}
		next.ServeHTTP(delayed, r)
		delayed.wait() // for a reply without header and body
	})
}

// delayedWriter waits before the first byte of the reply. It belongs to one call.
type delayedWriter struct {
	http.ResponseWriter
	ctx    context.Context
	delay  time.Duration
	waited bool
}

func (w *delayedWriter) wait() {
	if w.waited {
		return
	}
	w.waited = true
	timer := time.NewTimer(w.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ctx.Done():
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *delayedWriter) WriteHeader(status int) {
	w.wait()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *delayedWriter) Write(data []byte) (int, error) {
	w.wait()
	return w.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *delayedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
