package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/packer"
	cloudapi "github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/lock"
)

// The kinds of pins.
const (
	kindBases     = "bases"
	kindDownloads = "downloads"
	kindWorker    = "worker"
)

// What a download may do before it counts as failed.
const (
	stall    = time.Minute
	attempts = 4
)

// update is one run of the command update.
type update struct {
	names   []string
	only    []string
	targets []string
	worker  string
	again   bool
	check   bool
	asJSON  bool
	cloud   func(context.Context, packer.Target, []packer.Image) (cloudapi.Cloud, error)
}

func (p *program) newUpdateCommand() *cobra.Command { return p.updateCommand(p.cloud) }

func (p *program) updateCommand(cloud func(context.Context, packer.Target, []packer.Image) (cloudapi.Cloud, error)) *cobra.Command {
	u := update{cloud: cloud}
	command := &cobra.Command{
		Use:   "update [NAME…]",
		Short: "Pin what is newest today in the lock file",
		Long: "Ask the clouds which image each base is today, fetch what has no sha256 yet, and write both into\n" +
			"the lock file, " + lock.FileName + ": all of it, or nothing when anything fails. With NAME only what\n" +
			"those images need is looked at. Without, pins that no definition uses any more are dropped.\n" +
			"What a definition itself pins is left alone.\n\n" +
			"With --check nothing is written, and the exit code is 1 when something is newer: for a job that\n" +
			"looks every night.",
		Example: "  worker-images update\n" +
			"  worker-images update debian-12-worker-amd64 --only bases --target aws\n" +
			"  worker-images update --only worker --worker 1.2.3\n" +
			"  worker-images update --check",
		RunE: func(cmd *cobra.Command, names []string) error {
			u.names = names
			return u.run(cmd, p)
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&u.only, "only", nil, "only these `kinds` of pins, with commas between: bases, downloads, worker")
	flags.StringSliceVar(&u.targets, "target", nil, "only what these `targets` need, with commas between")
	flags.StringVar(&u.worker, "worker", "", "pin this `version` of start-worker and generic-worker")
	flags.BoolVar(&u.again, "all", false, "fetch again what has a sha256 in the lock file")
	flags.BoolVar(&u.check, "check", false, "write nothing; end with code 1 when something is newer")
	flags.BoolVar(&u.asJSON, "json", false, "what changes, as JSON")
	return command
}

func (u *update) run(cmd *cobra.Command, p *program) error {
	wanted, err := u.wanted(p)
	if err != nil {
		return err
	}
	path := filepath.Join(p.folder, lock.FileName)
	was, err := lock.Load(path)
	if err != nil {
		return err
	}
	updater := lock.Updater{
		Cloud: func(ctx context.Context, target packer.Target) (cloudapi.Resolver, error) {
			return u.cloud(ctx, target, wanted.Images)
		},
		Fetch: fetcher(cmd.ErrOrStderr()),
	}
	now, changes, err := updater.Update(cmd.Context(), was, wanted)
	if err != nil {
		return err
	}
	if err := u.print(cmd.OutOrStdout(), changes); err != nil {
		return err
	}
	switch {
	case len(changes) == 0:
		return nil
	case u.check:
		return fmt.Errorf("%s is out of date: `worker-images update` brings it up to date", path)
	}
	return lock.Save(cmd.Context(), path, was, now)
}

// wanted understands the flags.
func (u *update) wanted(p *program) (lock.Wanted, error) {
	kinds := []string{kindBases, kindDownloads, kindWorker}
	for _, kind := range u.only {
		if !slices.Contains(kinds, kind) {
			return lock.Wanted{}, unknown("kind of pins", kind, nil, "There are "+strings.Join(kinds, ", ")+".")
		}
	}
	has := func(kind string) bool { return len(u.only) == 0 || slices.Contains(u.only, kind) }
	switch {
	case u.worker == "" && slices.Contains(u.only, kindWorker):
		return lock.Wanted{}, &misuse{text: "which version of the worker?", hint: "--only worker needs --worker VERSION."}
	case u.worker != "" && !has(kindWorker):
		return lock.Wanted{}, &misuse{text: "--worker is no use without worker in --only"}
	}
	all, err := p.load()
	if err != nil {
		return lock.Wanted{}, err
	}
	w := lock.Wanted{Bases: has(kindBases), Downloads: has(kindDownloads), Again: u.again, Worker: u.worker}
	if len(u.names) == 0 {
		w.Images, w.All = all, all
	}
	for _, name := range u.names {
		image, err := find(all, name)
		if err != nil {
			return lock.Wanted{}, err
		}
		w.Images = append(w.Images, image)
	}
	w.Images, err = narrow(w.Images, u.targets, len(u.names) > 0)
	return w, err
}

// print shows what was and what is.
func (u *update) print(out io.Writer, changes []lock.Change) error {
	if u.asJSON {
		if changes == nil {
			changes = []lock.Change{}
		}
		return printJSON(out, changes)
	}
	for _, c := range changes {
		old, now := c.Old, c.New
		if old == "" {
			old = "(none)"
		}
		if now == "" {
			now = "(dropped: no definition uses it)"
		}
		line := fmt.Sprintf("%s: %s -> %s", c.Pin, old, now)
		if c.Name != "" && c.Name != c.New {
			line += " (" + c.Name + ")"
		}
		fmt.Fprintln(out, line)
	}
	if len(changes) == 0 {
		fmt.Fprintln(out, "nothing is newer")
	}
	return nil
}

// fetcher fetches downloads, and tells of those that take long.
func fetcher(progress io.Writer) *lock.Fetcher {
	var mu sync.Mutex
	return &lock.Fetcher{
		Client: &http.Client{}, Stall: stall, Every: 5 * time.Second,
		Retry: retry.Policy{Initial: time.Second, Attempts: attempts},
		Progress: func(url string, done, total int64) {
			mu.Lock()
			defer mu.Unlock()
			of := ""
			if total > 0 {
				of = fmt.Sprintf(" of %d", total/1e6)
			}
			fmt.Fprintf(progress, "worker-images: fetching %s: %d%s MB\n", packer.PublicURL(url), done/1e6, of)
		},
	}
}
