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
	"syscall"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
)

func (p *program) newBuildCommand() *cobra.Command {
	var r recipe
	var output string
	var dry bool
	command := &cobra.Command{
		Use:   "build NAME",
		Short: "Build an image with packer, for all its targets at once",
		Long: "Build an image with packer, for all its targets at once. Each target has a folder in the output\n" +
			"folder, with packer's log and manifest; no secret is readable in a log. An interrupt lets\n" +
			"packer clean up.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" {
				output = filepath.Join("out", args[0])
				if dry { // the record of a real build stays
					output = filepath.Join(output, "dry-run")
				}
			}
			return p.build(cmd, args[0], output, r, dry)
		},
	}
	r.register(command)
	command.Flags().BoolVar(&dry, "dry-run", false, "run the whole build against the clouds' APIs played on this computer; needs no account")
	command.Flags().StringVar(&output, "output", "", "the `folder` for logs and manifests; out/NAME when empty, out/NAME/dry-run of a dry run")
	return command
}

func (p *program) build(cmd *cobra.Command, name, output string, r recipe, dry bool) (err error) {
	image, err := p.one(name, r.targets)
	if err != nil {
		return err
	}
	if dry {
		if image, err = clouds(image); err != nil {
			return err
		}
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
	o := build.Options{Dir: filepath.Join(dir, "packer"), Output: output, Variables: map[string]string{}}
	if dry {
		stand, err := rehearse(cmd.Context(), filepath.Join(dir, "clouds"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stand.close()) }()
		o.Env, o.Variables = stand.environment(), stand.variables(image.Targets)
		return errors.Join(p.run(cmd, image, r, o), stand.leftovers(cmd.Context(), image.Targets))
	}
	return p.run(cmd, image, r, o)
}

// clouds leaves out the target of which there is nothing to play: a local disk has no cloud.
func clouds(image packer.Image) (packer.Image, error) {
	left := slices.DeleteFunc(slices.Clone(image.Targets), func(t packer.Target) bool { return t == packer.QEMU })
	if len(left) == 0 {
		return image, &misuse{text: "a dry run is of clouds, and there is only the target qemu"}
	}
	return image.For(left...), nil
}

// run renders the image and has packer build it.
func (p *program) run(cmd *cobra.Command, image packer.Image, r recipe, o build.Options) error {
	found, warnings, err := p.render(cmd.Context(), o.Dir, image, r, nil)
	warn(cmd, warnings)
	if err != nil {
		return err
	}
	o.Packer, o.Image, o.Targets = found, image, image.Targets
	if err := project(o); err != nil {
		return err
	}
	return runPacker(cmd.Context(), cmd.OutOrStdout(), o)
}

// project gives packer the project in which to build on Google, which no key names reliably.
func project(o build.Options) error {
	if !slices.Contains(o.Targets, packer.GCP) || o.Variables[projectVariable] != "" {
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
func runPacker(ctx context.Context, out io.Writer, o build.Options) error {
	shown := newProgress(out, o.Targets)
	o.Progress = shown.line
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
	return err
}
