package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/session"
)

func newPoolCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pool POOL FILE",
		Short: "Make or change a worker pool",
		Long: "Make the worker pool POOL, such as local/ec2, or change it, by its definition in a YAML or JSON\n" +
			"file: providerId and config as worker-manager has them. The deployment is that of\n" +
			"TASKCLUSTER_ROOT_URL, TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			made, err := setPool(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "worker pool %s %s\n", args[0], made)
			return err
		},
	}
}

// setPool makes or changes a pool, and says which.
func setPool(ctx context.Context, pool, file string) (string, error) {
	definition, err := readPool(file)
	if err != nil {
		return "", err
	}
	control, err := newControl()
	if err != nil {
		return "", err
	}
	pools := session.Client(control.root).Pools(tc.Fixed(tc.Credentials{
		ClientID: os.Getenv("TASKCLUSTER_CLIENT_ID"), AccessToken: control.token, Certificate: secret.New(os.Getenv("TASKCLUSTER_CERTIFICATE")),
	}))
	err = pools.Create(ctx, pool, definition)
	if tc.Status(err) != http.StatusConflict {
		return "made", err
	}
	return "changed", pools.Update(ctx, pool, definition)
}

// readPool reads a definition, and adds what every pool must have and nobody here reads.
func readPool(file string) (json.RawMessage, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the worker pool: %w", err)
	}
	converted, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", file, yaml.FormatError(err, false, false))
	}
	definition := map[string]any{"description": "", "owner": "nobody@localhost.localdomain", "emailOnError": false}
	if err := json.Unmarshal(converted, &definition); err != nil {
		return nil, fmt.Errorf("%s: a worker pool must be a mapping, with the keys providerId and config", file)
	}
	if definition["providerId"] == nil || definition["config"] == nil {
		return nil, errors.New(file + ": a worker pool needs the keys providerId and config")
	}
	return json.Marshal(definition)
}
