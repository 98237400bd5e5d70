package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/local"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	dir          string
	port         int
	delay        time.Duration
	claimTimeout time.Duration
	longPoll     time.Duration
	calls        string
	verbose      bool
	machines     machineFlags
}

func newServeCommand() *cobra.Command {
	var flags serveFlags
	command := &cobra.Command{
		Use:   "serve --data DIR",
		Short: "Serve until a signal",
		Long: "Serve the services on 127.0.0.1 until SIGINT or SIGTERM. Once they answer, three lines\n" +
			"`export NAME=value` on standard output say how to reach them. Logs go to standard error.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), flags, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := command.Flags()
	f.StringVar(&flags.dir, "data", "", "the data `folder`; made when absent")
	f.IntVar(&flags.port, "port", 0, "the `port`; 0 is any free one")
	f.DurationVar(&flags.delay, "delay", 0, "hold every reply back that `long`, for measuring")
	f.DurationVar(&flags.claimTimeout, "claim-timeout", 20*time.Minute, "how `long` a claim of a task lasts")
	f.DurationVar(&flags.longPoll, "long-poll", 20*time.Second, "how `long` claimWork waits for a task")
	f.StringVar(&flags.calls, "calls", "", "write every call, one JSON object a line, to that `file`")
	f.BoolVar(&flags.verbose, "verbose", false, "log every call, and what machines write")
	flags.machines.register(command)
	return command
}

// serve runs the services until ctx ends.
func serve(ctx context.Context, flags serveFlags, stdout, stderr io.Writer) (err error) {
	if flags.dir == "" {
		return errors.New("serve: --data DIR is required")
	}
	level := slog.LevelInfo
	if flags.verbose {
		level = slog.LevelDebug
	}
	options := local.Options{
		Dir: flags.dir, Delay: flags.delay, ClaimTimeout: flags.claimTimeout, LongPoll: flags.longPoll,
		Logger: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})),
	}
	flags.machines.apply(&options)
	if flags.calls != "" {
		record, openErr := newCallFile(flags.calls)
		if openErr != nil {
			return openErr
		}
		defer func() { err = errors.Join(err, record.close()) }()
		options.Observe = record.write
	}
	listener, err := local.Listen(ctx, flags.port)
	if err != nil {
		return err
	}
	options.RootURL = local.RootURL(listener)
	server, err := local.Open(ctx, options)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	// The listener takes connections in already; they wait for Serve.
	root := server.RootCredentials()
	_, err = fmt.Fprintf(stdout, "export TASKCLUSTER_ROOT_URL=%s\nexport TASKCLUSTER_CLIENT_ID=%s\nexport TASKCLUSTER_ACCESS_TOKEN=%s\n",
		options.RootURL, root.ClientID, root.AccessToken.Reveal())
	if err != nil {
		return errors.Join(fmt.Errorf("serve: say how to reach the services: %w", err), listener.Close())
	}
	return server.Serve(ctx, listener)
}
