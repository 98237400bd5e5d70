package providertest

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
)

// errReset is how a call ends whose handler drops the connection.
var errReset = errors.New("connection reset by peer")

// Call carries a call to a handler without a network, so that it works in a bubble of time.
func Call(h http.Handler, r *http.Request) (*http.Response, error) {
	w := &line{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if w.dropped {
		return nil, errReset
	}
	return w.Result(), nil
}

// line is a recorder whose handler may drop the connection.
type line struct {
	*httptest.ResponseRecorder

	dropped bool
}

// Hijack implements http.Hijacker.
func (l *line) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	l.dropped = true
	ours, theirs := net.Pipe()
	return theirs, nil, ours.Close()
}
