package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/worker/config"
)

// checkConfig is the command "check": it reads a configuration as run would, and says
// what is wrong with it. What a runner adds to it at each start may be missing.
func checkConfig(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) int {
	path := flags.String("config", defaultConfig, "")
	if !parse(flags, args[2:], stderr) {
		return exitUsage
	}
	c, warnings, err := loadCompleted(*path)
	if err == nil {
		var more []string
		if more, err = fit(&c, args[0]); err != nil {
			err = fmt.Errorf("%s: %w", *path, err)
		}
		warnings = append(warnings, more...)
	}
	for _, warning := range warnings {
		fmt.Fprintln(stderr, "warning:", warning)
	}
	if err == nil {
		if _, err = (parts{config: &c, logger: slog.New(slog.DiscardHandler)}).engine(); err != nil {
			err = fmt.Errorf("%s: %w", *path, err)
		}
	}
	switch {
	case err == nil:
		fmt.Fprintf(stdout, "%s is fine\n", *path)
		return 0
	case errors.Is(err, config.ErrInvalid):
		fmt.Fprintln(stderr, err)
		return exitInvalid
	default:
		fmt.Fprintln(stderr, err)
		return exitUnreadable
	}
}

// loadCompleted loads the configuration at path with what only a runner knows filled in where
// it is missing.
func loadCompleted(path string) (c config.Config, warnings []string, err error) {
	data, note, err := private.Read(path)
	if err != nil {
		return c, nil, fmt.Errorf("%w: %w", config.ErrUnreadable, err)
	}
	if note != "" {
		warnings = append(warnings, note)
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(data, &top) != nil || top == nil {
		c, _, err = config.Load(path) // which says what is wrong
		return c, warnings, err
	}
	for key, value := range map[string]string{
		"rootURL": "https://taskcluster.example.com", "provisionerId": "checked", "workerType": "checked",
		"workerGroup": "checked", "workerId": "checked", "clientId": "checked", "accessToken": "checked",
	} {
		if _, given := top[key]; !given {
			top[key] = json.RawMessage(`"` + value + `"`)
		}
	}
	dir, err := os.MkdirTemp("", "generic-worker")
	if err != nil {
		return c, warnings, fmt.Errorf("%w: %w", config.ErrUnreadable, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied := filepath.Join(dir, "config.json")
	if data, err = json.Marshal(top); err == nil {
		err = private.WriteFast(copied, data)
	}
	if err != nil {
		return c, warnings, fmt.Errorf("%w: %w", config.ErrUnreadable, err)
	}
	c, more, err := config.Load(copied)
	if err != nil {
		err = named{err, strings.ReplaceAll(err.Error(), copied, path)}
	}
	return c, append(warnings, more...), err
}

// named is an error that names the file that was asked for.
type named struct {
	error
	text string
}

func (n named) Error() string { return n.text }

func (n named) Unwrap() error { return n.error }
