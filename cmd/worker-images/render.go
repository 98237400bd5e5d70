package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/render"
)

// recipe is what render and build have in common.
type recipe struct {
	targets     []string
	packer      string
	programs    string
	version     string
	allowIMDSv1 bool
}

func (r *recipe) register(command *cobra.Command) {
	f := command.Flags()
	f.StringSliceVar(&r.targets, "target", nil, "only these `targets`, with commas between")
	f.StringVar(&r.packer, "packer", "", "the packer `program`; packer on PATH when empty")
	f.StringVar(&r.programs, "programs", "", "the `folder` with start-worker and generic-worker for the image's system; that of this program when empty")
	f.StringVar(&r.version, "image-version", "", "what the `name` of the image ends in; the time of the build when empty")
	f.BoolVar(&r.allowIMDSv1, "allow-imdsv1", false, "make an AWS image that does not require IMDSv2, where packer is too old to require it")
}

// one takes the image of a name, with the targets that were asked for.
func (p *program) one(name string, targets []string) (packer.Image, error) {
	images, err := p.loadSome([]string{name})
	if err != nil {
		return packer.Image{}, err
	}
	if images, err = narrow(images, targets, true); err != nil {
		return packer.Image{}, err
	}
	return images[0], nil
}

// render writes the folder that packer builds from, for the packer that is there.
func (p *program) render(ctx context.Context, dir string, image packer.Image, r recipe, variables map[string]any) (build.Packer, []string, error) {
	found, err := build.Find(ctx, r.packer)
	if err != nil {
		return found, nil, err
	}
	if r.programs == "" {
		r.programs, err = ownFolder()
	} else {
		r.programs, err = filepath.Abs(r.programs)
	}
	if err != nil {
		return found, nil, err
	}
	folder := os.DirFS(p.folder)
	definition, err := packer.Hash(image, folder)
	if err != nil {
		return found, nil, err
	}
	if image, err = here(image); err != nil {
		return found, nil, err
	}
	warnings, err := render.Render(dir, image, image.Targets, render.Options{
		PackerVersion: found.Version, AllowIMDSv1: r.allowIMDSv1, Folder: folder, Version: r.version,
		Definition: definition, Programs: r.programs, Variables: variables,
	})
	return found, warnings, err
}

// here makes the path of a local disk one that packer, which runs in another folder, understands.
func here(image packer.Image) (packer.Image, error) {
	base := image.Bases[packer.QEMU]
	if base.Disk == "" || strings.Contains(base.Disk, "://") {
		return image, nil
	}
	var err error
	if base.Disk, err = filepath.Abs(base.Disk); err != nil {
		return image, fmt.Errorf("find the disk of the base: %w", err)
	}
	image.Bases = maps.Clone(image.Bases)
	image.Bases[packer.QEMU] = base
	return image, nil
}

// ownFolder is the folder of this program.
func ownFolder() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the folder of the programs: %w", err)
	}
	return filepath.Dir(own), nil
}

func (p *program) newRenderCommand() *cobra.Command {
	var r recipe
	command := &cobra.Command{
		Use:   "render NAME DIR",
		Short: "Write what packer builds an image from",
		Long: "Write into DIR the templates, variables and scripts from which packer builds the image: what\n" +
			"`build` uses, for the packer that is there. Plain packer understands the folder as well:\n" +
			"packer build -var-file=" + render.VariablesFile + " -only=SOURCE .",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			image, err := p.one(args[0], r.targets)
			if err != nil {
				return err
			}
			_, warnings, err := p.render(cmd.Context(), args[1], image, r, nil)
			warn(cmd, warnings)
			if err != nil {
				return err
			}
			for _, t := range image.Targets {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: packer build -var-file=%s -only=%s .\n", t, render.VariablesFile, render.Source(image, t))
			}
			return nil
		},
	}
	r.register(command)
	return command
}

func warn(cmd *cobra.Command, warnings []string) {
	for _, w := range warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "worker-images: warning:", w)
	}
}
