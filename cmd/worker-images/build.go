package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
)

// order is what build was asked for beside the recipe.
type order struct {
	recipe

	output string
	dry    bool
	force  bool
	key    string // file of the key that signs records
}

func (p *program) newBuildCommand() *cobra.Command {
	var o order
	command := &cobra.Command{
		Use:   "build NAME",
		Short: "Build an image with packer, for all its targets at once",
		Long: "Build an image with packer, for all its targets at once. What the ledger has already, built from\n" +
			"the same definition, is not built again (see plan). Each target has a folder in the output folder,\n" +
			"with packer's log and manifest; no secret is readable in a log. Each image that comes out gets a\n" +
			"record and is entered in the ledger. An interrupt lets packer clean up.",
		Example: "  worker-images build debian-12-worker-amd64 --target aws,gcp --sign records.key\n" +
			"  worker-images build debian-12-worker-amd64 --dry-run",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.output == "" {
				o.output = filepath.Join("out", args[0])
				if o.dry { // what a real build has left stays
					o.output = filepath.Join(o.output, "dry-run")
				}
			}
			return p.build(cmd, args[0], o)
		},
	}
	o.register(command)
	flags := command.Flags()
	flags.BoolVar(&o.dry, "dry-run", false, "run the whole build against the clouds' APIs played on this computer; needs no account")
	flags.BoolVar(&o.force, "force", false, "build what has not changed as well, and what is blocked")
	flags.StringVar(&o.key, "sign", "", "sign the records with the key in this `file` (see record key)")
	flags.StringVar(&o.output, "output", "", "the `folder` for logs and manifests; out/NAME when empty, out/NAME/dry-run of a dry run")
	return command
}

func (p *program) build(cmd *cobra.Command, name string, o order) (err error) {
	image, err := p.one(name, o.targets)
	if err != nil {
		return err
	}
	// Who reads the progress may go away, but not take packer along: the log has all.
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	defer signal.Stop(unread)
	dir, err := os.MkdirTemp("", "worker-images-")
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := build.Options{Dir: filepath.Join(dir, "packer"), Output: o.output, Variables: map[string]string{}}
	if o.dry {
		return p.dryRun(cmd, image, o.recipe, b, filepath.Join(dir, "clouds"))
	}
	return p.buildAndRecord(cmd, image, o, b)
}

// dryRun builds in clouds that are played, and records nothing.
func (p *program) dryRun(cmd *cobra.Command, image packer.Image, r recipe, o build.Options, dir string) (err error) {
	if image, err = onlyClouds(image); err != nil {
		return err
	}
	stand, err := rehearse(cmd.Context(), dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stand.close()) }()
	o.Env, o.Variables, o.Rehearsal = stand.environment(), stand.variables(image.Targets), true
	o, err = p.prepare(cmd, image, r, o)
	if err != nil {
		return err
	}
	_, err = runPacker(cmd.Context(), cmd.OutOrStdout(), o)
	return errors.Join(err, stand.leftovers(cmd.Context(), image.Targets))
}

// onlyClouds leaves out the target of which there is nothing to play: a local disk has no cloud.
func onlyClouds(image packer.Image) (packer.Image, error) {
	left := slices.DeleteFunc(slices.Clone(image.Targets), func(t packer.Target) bool { return t == packer.QEMU })
	if len(left) == 0 {
		return image, &misuse{text: "a dry run is of clouds, and there is only the target qemu"}
	}
	return image.For(left...), nil
}

// prepare renders the image for the packer that is there.
func (p *program) prepare(cmd *cobra.Command, image packer.Image, r recipe, o build.Options) (build.Options, error) {
	found, warnings, err := p.render(cmd.Context(), o.Dir, image, r, nil)
	warn(cmd, warnings)
	if err != nil {
		return o, err
	}
	o.Packer, o.Image, o.Targets = found, image, image.Targets
	return o, errors.Join(baseDisk(image), project(o))
}

// baseDisk makes sure that the disk on which a local one is built is there.
func baseDisk(image packer.Image) error {
	if !slices.Contains(image.Targets, packer.QEMU) {
		return nil
	}
	disk := image.Bases[packer.QEMU].Disk
	if disk == "" || strings.Contains(disk, "://") {
		return nil
	}
	if _, err := os.Stat(disk); err != nil {
		return fmt.Errorf("build: qemu: the disk of the base is not there: put it there, or change disk in %s: %w", image.From[packer.Key("base", "qemu", "disk")], err)
	}
	return nil
}

// project gives packer the project in which to build on Google, which no key names reliably.
func project(o build.Options) error {
	_, given := o.Image.Bases[packer.GCP].Variables[projectVariable]
	if !slices.Contains(o.Targets, packer.GCP) || o.Variables[projectVariable] != "" || given {
		return nil
	}
	for _, name := range []string{"GOOGLE_CLOUD_PROJECT", "GOOGLE_PROJECT", "GCLOUD_PROJECT"} {
		if o.Variables[projectVariable] = os.Getenv(name); o.Variables[projectVariable] != "" {
			return nil
		}
	}
	return errors.New("build: gcp: set GOOGLE_CLOUD_PROJECT to the project in which to build")
}

const projectVariable = "gcp_project"

// runPacker builds, tells how it goes, and what came out.
func runPacker(ctx context.Context, out io.Writer, o build.Options) ([]build.Result, error) {
	shown, also := newProgress(out, o.Targets), o.Progress
	o.Progress = func(l build.Line) {
		shown.line(l)
		if also != nil {
			also(l)
		}
	}
	results, err := build.Run(ctx, o)
	shown.close()
	for _, result := range results {
		for _, a := range result.Artifacts {
			fmt.Fprintf(out, "%s: %s %s (%.1f s; log: %s)\n", result.Target, a.ID, a.Region, result.Took.Seconds(), result.Log)
		}
		for _, f := range result.Files {
			fmt.Fprintf(out, "%s: %s, %d bytes (%.1f s; log: %s)\n", result.Target, f.Path, f.Size, result.Took.Seconds(), result.Log)
		}
	}
	return results, err
}
