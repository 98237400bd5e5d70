package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// stopGrace is how long a stopping server waits for replies under way.
const stopGrace = 3 * time.Second

// Listen listens on loopback, at any free port when port is 0.
func Listen(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	return listener, nil
}

// RootURL is the root URL of a server on that listener.
func RootURL(listener net.Listener) string { return "http://" + listener.Addr().String() }

// Serve answers calls on the listener and does the work in the background, until ctx ends.
// Then the context of every call ends, so that long polls do, and what is about to be answered
// gets a few seconds for it, before it is cut off. It returns nil after a stop that ctx asked for. The listener is
// closed in any case.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelError),
	}
	background, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var ran, shut error
	wg.Go(func() { ran = s.Run(background) })
	wg.Go(func() {
		<-background.Done()
		shut = shutdown(context.WithoutCancel(ctx), server)
	})
	err := server.Serve(listener)
	stop()
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	if err := errors.Join(err, ran, shut); err != nil {
		return fmt.Errorf("local: serve: %w", err)
	}
	return nil
}

// shutdown lets the calls under way finish, and cuts off those that take too long.
func shutdown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	if server.Shutdown(ctx) == nil {
		return nil
	}
	return server.Close()
}
