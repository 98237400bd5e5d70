package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/local/dryrun"
)

func newRehearseCommand() *cobra.Command {
	var dir string
	var apis bool
	command := &cobra.Command{
		Use:   "rehearse --data DIR",
		Short: "Serve the clouds' APIs for a dry run of image builds",
		Long: "Serve the APIs of EC2, GCE and Azure that packer calls, on 127.0.0.1, until SIGINT or SIGTERM or\n" +
			"the end of standard input. Machines are made up: what packer uploads lands below DIR, scripts\n" +
			"get a syntax check, and nothing runs. Once all is ready, one line of JSON on standard output\n" +
			"has the environment and the variables that packer needs.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return errors.New("rehearse: --data DIR is required")
			}
			return rehearse(cmd.Context(), dryrun.Options{Dir: dir, NoMachine: apis}, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	command.Flags().StringVar(&dir, "data", "", "a `folder` for keys and uploads; made when absent")
	command.Flags().BoolVar(&apis, "no-machine", false, "only the APIs, with no machine to log in to: it needs OpenSSH's server")
	return command
}

// rehearsal is what rehearse says when it is ready.
type rehearsal struct {
	URL       string            `json:"url"` // GET /reports has what was made and what is left
	Env       []string          `json:"env"`
	Variables map[string]string `json:"variables"`
}

func rehearse(ctx context.Context, o dryrun.Options, stdin io.Reader, stdout, stderr io.Writer) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	o.Log = slog.New(slog.NewTextHandler(stderr, nil))
	stand, err := dryrun.Start(ctx, o)
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	err = json.NewEncoder(stdout).Encode(rehearsal{stand.URL(), stand.Env(), stand.Vars()})
	gone := make(chan struct{})
	go func() { // ends with the process at the latest
		defer close(gone)
		_, _ = io.Copy(io.Discard, stdin)
	}()
	if err == nil {
		select {
		case <-ctx.Done():
		case <-gone:
		}
	}
	return errors.Join(err, stand.Close())
}
