package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
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

// versionForm is what a version may be: a folder of the records has its name, and lists have it
// between blanks.
var versionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (r *recipe) register(command *cobra.Command) {
	f := command.Flags()
	f.StringSliceVar(&r.targets, "target", nil, "only these `targets`, with commas between")
	f.StringVar(&r.packer, "packer", "", "the packer `program`; packer on PATH when empty")
	f.StringVar(&r.programs, "programs", "", "the `folder` with start-worker and generic-worker for the image's system; that of this program when empty")
	f.Func("image-version", "what the `name` of the image ends in; the time of the build when empty", func(text string) error {
		if !versionForm.MatchString(text) {
			return errors.New("a version begins with a letter or digit and has letters, digits, dots, dashes and underscores, 64 at most")
		}
		r.version = text
		return nil
	})
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
	base := image.Bases[packer.QEMU] // packer runs in another folder: it needs the whole path
	if base.Disk, err = local(base.Disk, filepath.Abs); err != nil {
		return found, nil, err
	}
	warnings, err := p.renderFor(found.Version, dir, withBase(image, packer.QEMU, base), image, r, variables)
	return found, warnings, err
}

// renderFor writes the folder for a version of packer. The paths in image are as packer will need
// them, in defined as they were written, which is what the hash is of.
func (p *program) renderFor(packerVersion, dir string, image, defined packer.Image, r recipe, variables map[string]any) ([]string, error) {
	definition, err := packer.Hash(defined, os.DirFS(p.folder))
	if err != nil {
		return nil, err
	}
	return render.Render(dir, image, image.Targets, p.renderOptions(packerVersion, definition, r, variables))
}

func (p *program) renderOptions(packerVersion, definition string, r recipe, variables map[string]any) render.Options {
	return render.Options{
		PackerVersion: packerVersion, AllowIMDSv1: r.allowIMDSv1, Folder: os.DirFS(p.folder), Version: r.version,
		Definition: definition, Programs: r.programs, Variables: variables,
	}
}

// local changes the path of a disk on this computer; that of another is a URL.
func local(disk string, change func(string) (string, error)) (string, error) {
	if disk == "" || strings.Contains(disk, "://") {
		return disk, nil
	}
	changed, err := change(disk)
	if err != nil {
		return "", fmt.Errorf("find the disk of the base: %w", err)
	}
	return changed, nil
}

// withBase returns the image with another base, if it has one for the target.
func withBase(image packer.Image, t packer.Target, base packer.Base) packer.Image {
	if _, ok := image.Bases[t]; ok {
		image.Bases = maps.Clone(image.Bases)
		image.Bases[t] = base
	}
	return image
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
	var all bool
	command := &cobra.Command{
		Use:   "render NAME DIR | render --all DIR",
		Short: "Write what packer builds an image from",
		Long: "Write into DIR the templates, variables and scripts from which packer builds the image: what\n" +
			"`build` uses, for the packer that is there. Plain packer understands the folder as well, run in it:\n" +
			"packer build -var-file=" + render.VariablesFile + " -only=SOURCE .\n\n" +
			"With --all each image gets the folder DIR/NAME, whose paths are relative to it: it can be kept\n" +
			"under version control. What has not changed is not written again, and what else is in a rendered\n" +
			"folder, such as programs, stays.",
		Example: "  worker-images render debian-12-worker-amd64 out/debian\n  worker-images render --all rendered --target aws,gcp",
		Args: func(_ *cobra.Command, args []string) error {
			if want := map[bool]int{false: 2, true: 1}[all]; len(args) != want {
				return &misuse{text: "render takes a NAME and a DIR, or --all and a DIR"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return p.renderAll(cmd, args[0], r)
			}
			return p.renderOne(cmd, args[0], args[1], r)
		},
	}
	r.register(command)
	command.Flags().BoolVar(&all, "all", false, "all images, each in DIR/NAME")
	return command
}

func (p *program) renderOne(cmd *cobra.Command, name, dir string, r recipe) error {
	image, err := p.one(name, r.targets)
	if err != nil {
		return err
	}
	_, warnings, err := p.render(cmd.Context(), dir, image, r, nil)
	warn(cmd, warnings)
	if err != nil {
		return err
	}
	for _, t := range image.Targets {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: packer build -var-file=%s -only=%s .\n", t, render.VariablesFile, render.Source(image, t))
	}
	return nil
}

func warn(cmd *cobra.Command, warnings []string) {
	for _, w := range warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "worker-images: warning:", w)
	}
}
