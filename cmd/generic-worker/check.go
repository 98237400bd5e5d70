package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

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
	c, warnings, err := config.LoadPart(*path)
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
		if _, err = certificate(&c); err == nil {
			_, err = (parts{config: &c, logger: slog.New(slog.DiscardHandler)}).engine()
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", *path, err)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return configCode(err)
	}
	fmt.Fprintf(stdout, "%s is fine\n", *path)
	return 0
}

// configCode is the exit code for what is wrong with a configuration.
func configCode(err error) int {
	switch {
	case errors.Is(err, config.ErrInvalid):
		return exitInvalid
	case errors.Is(err, private.ErrExposed):
		return exitExposed
	default:
		return exitUnreadable
	}
}
