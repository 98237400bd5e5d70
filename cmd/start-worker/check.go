package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/launch"
)

// asking is how the commands besides start use metadata services: people wait for them.
func asking() providers.Deps {
	return providers.Deps{
		Log:      slog.New(slog.DiscardHandler),
		Metadata: imds.New(retry.Policy{Initial: 100 * time.Millisecond, Total: 5 * time.Second}),
	}
}

// check says all that is wrong with a config.
func (p program) check(ctx context.Context, args []string) int {
	path, code, ok := p.arguments(flag.NewFlagSet("check", flag.ContinueOnError), args)
	if !ok {
		return code
	}
	if path == "" {
		return p.misused("check", "which CONFIG?")
	}
	c, warnings, err := config.Load(ctx, path, p.options(asking()))
	var asked bool
	if err == nil && c.Worker.Implementation == config.GenericWorker {
		asked, err = p.checkWorker(ctx, path, c)
	}
	for _, w := range warnings {
		fmt.Fprintln(p.stdout, "warning:", w)
	}
	if err != nil {
		for _, problem := range each(err) {
			fmt.Fprintln(p.stdout, "problem:", problem)
		}
		return 1
	}
	fmt.Fprintf(p.stdout, "%s is fine: %s (%s)\n", path, c.Place.Kind.Name, c.Place.Why)
	if c.Worker.Implementation == config.GenericWorker && !asked {
		fmt.Fprintln(p.stdout, "the worker is not asked about workerConfig: it is not ours and would not tell")
	}
	return 0
}

// checkWorker has our own worker check what it would get, as far as that is known before the
// machine registers.
func (p program) checkWorker(ctx context.Context, path string, c config.Config) (asked bool, err error) {
	ours, err := launch.IsOurs(ctx, c.Worker.Path)
	if err != nil {
		return false, fmt.Errorf("%s: worker.path: %w", path, err)
	}
	if !ours {
		return false, nil
	}
	file, remove, err := known(ctx, c)
	if err != nil {
		return true, err
	}
	defer remove()
	ctx, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	cmd := exec.CommandContext(ctx, c.Worker.Path, "check", "--config", file)
	cmd.WaitDelay = time.Second
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		text := oneLine(strings.ReplaceAll(said.String(), file, "what it would get"))
		if text == "" {
			text = err.Error()
		}
		return true, fmt.Errorf("%s: workerConfig: the worker says: %s%s", path, text, mentioned(c.Settings, text))
	}
	return true, nil
}

// mentioned are the places of the keys that a text names.
func mentioned(settings []config.Setting, text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(` "';:,()`, r) })
	var places []string
	for _, s := range settings {
		if s.Path[0] != "workerConfig" && (s.Path[0] != "worker" || len(s.Path) < 3) {
			continue
		}
		key := strings.Join(s.Path[1:], ".")
		if slices.Contains(words, key) {
			places = append(places, key+" is at "+s.From)
		}
	}
	if len(places) == 0 {
		return ""
	}
	return " [" + strings.Join(places, ", ") + "]"
}

// known writes the worker's config as far as it is known, and returns how to remove it.
func known(ctx context.Context, c config.Config) (file string, remove func(), err error) {
	rendered := config.Merge(c.WorkerConfig)
	if kind := c.Place.Kind; !kind.Ephemeral {
		id, err := kind.New(c.Place.Values, asking()).Identify(ctx)
		if err != nil {
			return "", nil, err
		}
		if rendered, err = launch.Render(rendered, id, tc.Credentials{}); err != nil {
			return "", nil, err
		}
		delete(rendered, "clientId") // there are no credentials yet
		delete(rendered, "accessToken")
	}
	data, err := json.Marshal(rendered)
	if err != nil {
		return "", nil, fmt.Errorf("encode worker config: %w", err)
	}
	dir, err := os.MkdirTemp("", "start-worker")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	file = filepath.Join(dir, "worker.json")
	if err := private.WriteFast(file, data); err != nil {
		remove()
		return "", nil, err
	}
	return file, remove, nil
}
