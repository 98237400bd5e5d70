package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/state"
)

// printConfig shows the config that counts, each key with where it comes from.
func (p program) printConfig(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("print-config", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print it for programs")
	path, code, ok := p.arguments(flags, args)
	if !ok {
		return code
	}
	if path == "" {
		return p.misused("print-config", "which CONFIG?")
	}
	c, warnings, err := config.Load(ctx, path, p.options(asking()))
	for _, w := range warnings {
		fmt.Fprintln(p.stderr, "warning:", w)
	}
	if err != nil {
		for _, problem := range each(err) {
			fmt.Fprintln(p.stderr, "problem:", problem)
		}
		return 1
	}
	layers, note := saved(ctx, c)
	settings := config.WithSaved(c.Settings, layers)
	if *asJSON {
		err = p.json(settings)
	} else {
		writeYAML(p.stdout, settings)
		fmt.Fprintf(p.stdout, "# %s\n", note)
	}
	if err != nil {
		return p.failed(err)
	}
	return 0
}

// saved are the layers of the pool and of the secrets that a start before this one has kept;
// note says what is known of them.
func saved(ctx context.Context, c config.Config) (layers []config.Saved, note string) {
	const unknown = "The layers of the pool and of its secrets come with the registration"
	if _, err := os.Stat(c.StateFile); c.StateFile == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, unknown + "."
	}
	ctx, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	provider := c.Place.Kind.New(c.Place.Values, asking())
	id, err := provider.Identify(ctx)
	if err != nil {
		return nil, fmt.Sprintf("%s; whose those in %s are is not known: %s.", unknown, c.StateFile, oneLine(err.Error()))
	}
	s, _, err := state.Load(c.StateFile, c.Place.Kind.Name, id)
	if err != nil {
		return nil, fmt.Sprintf("%s; %s.", unknown, oneLine(err.Error()))
	}
	_, unregistered := provider.(providers.Credentialed)
	for i, layer := range s.Layers {
		l := config.Saved{From: "secret, saved in " + c.StateFile, Secret: true, Config: layer}
		if i == 0 && !unregistered {
			l.From, l.Secret = "worker pool, saved in "+c.StateFile, false
		}
		layers = append(layers, l)
	}
	return layers, "The layers of the pool and of its secrets are those of the last registration."
}
