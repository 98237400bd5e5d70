package expose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/taskcluster/taskcluster/v83/tools/websocktunnel/client"

	"github.com/workerkit/workerkit/internal/secret"
)

// link is one connection to a websocktunnel server, and the listener of what comes through it.
type link struct {
	client *client.Client
	close  func() error // safe to repeat
}

var _ net.Listener = (*link)(nil)

// dial makes one attempt. When ctx ends it returns at once; an attempt that is under way then ends by
// itself, within the time that the client gives a server, and what comes of it is closed.
func dial(ctx context.Context, server, id string, token secret.String) (*link, error) {
	type outcome struct {
		client *client.Client
		err    error
	}
	var only leash
	config := client.Config{
		ID: id, TunnelAddr: server, Token: token.Reveal(), Logger: &only,
		Retry: client.RetryConfig{InitialDelay: time.Hour, MaxElapsedTime: time.Nanosecond}, // one attempt
	}
	made := make(chan outcome)
	go func() {
		c, err := client.New(func() (client.Config, error) { return config, nil })
		only.used.Store(true)
		select {
		case made <- outcome{c, err}:
		case <-ctx.Done():
			if err == nil {
				_ = c.Close()
			}
		}
	}()
	select {
	case o := <-made:
		if o.err != nil {
			return nil, explain(server, o.err)
		}
		return &link{o.client, sync.OnceValue(o.client.Close)}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// explain says what the client's errors mean, which name neither the server nor what to look at.
func explain(server string, err error) error {
	switch {
	case errors.Is(err, client.ErrRetryTimedOut):
		return fmt.Errorf("nothing answers as a websocktunnel server at %s", server)
	case errors.Is(err, client.ErrAuthFailed):
		return fmt.Errorf("%s does not take the token: are its audience and secret those of the auth service?", server)
	case errors.Is(err, client.ErrRetryFailed):
		return fmt.Errorf("%s refuses the connection", server)
	default:
		return err
	}
}

// leash keeps a client to its one connection. A client whose connection has ended, and be it by
// Close, connects again on a goroutine of its own: with a token that may be stale, for ever if
// it has been closed, and nothing that it offers ends that. The first thing it does there is to log
// that it tries, and so this logger ends the goroutine.
type leash struct{ used atomic.Bool }

// Printf is called by the client, on the goroutine that connects.
func (l *leash) Printf(string, ...any) {
	if l.used.Load() {
		runtime.Goexit() // it lets go of the client's lock
	}
}

// Print is called by the client, on the goroutine that connects.
func (l *leash) Print(...any) { l.Printf("") }

// url is where the server lets the link be reached.
func (l *link) url() string { return clean(l.client.URL()) }

// Accept implements net.Listener. Every error is for good.
func (l *link) Accept() (net.Conn, error) {
	c, err := l.client.Accept()
	if err != nil {
		return nil, net.ErrClosed
	}
	return &stream{Conn: c}, nil
}

// Addr implements net.Listener.
func (l *link) Addr() net.Addr { return l.client.Addr() }

// Close implements net.Listener. It is safe to repeat.
func (l *link) Close() error { return l.close() }

// stream is a viewer's connection. An HTTP server wants to know of a deadline that has passed,
// which the connection's own errors do not tell.
type stream struct {
	net.Conn
	read, write deadline
}

// deadline is in nanoseconds since 1970; 0 is none.
type deadline struct{ at atomic.Int64 }

func (d *deadline) set(t time.Time) {
	at := int64(0)
	if !t.IsZero() {
		at = t.UnixNano()
	}
	d.at.Store(at)
}

func (d *deadline) explain(err error) error {
	if at := d.at.Load(); err != nil && at != 0 && at <= time.Now().UnixNano() {
		return os.ErrDeadlineExceeded
	}
	return err
}

// Read implements net.Conn.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	return n, s.read.explain(err)
}

// Write implements net.Conn.
func (s *stream) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	return n, s.write.explain(err)
}

// SetReadDeadline implements net.Conn.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.read.set(t)
	return s.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.write.set(t)
	return s.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (s *stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}
