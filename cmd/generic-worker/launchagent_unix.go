//go:build unix

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/workerkit/workerkit/internal/launchagent"
	"github.com/workerkit/workerkit/internal/proc"
)

// launchAgent runs the agent in a desktop session until it is told to end. It obeys root, which the
// worker is.
func launchAgent([]string) (string, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return "", agent(ctx, launchagent.Socket)
}

func agent(ctx context.Context, socket string) error {
	listener, err := launchagent.Listen(ctx, socket)
	if err != nil {
		return err
	}
	const root = 0
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	server := launchagent.Server{Master: root, Trees: proc.New(logger), Logger: logger}
	return server.Serve(ctx, listener)
}
