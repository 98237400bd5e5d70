package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/lock"
)

// problem is something wrong with what a definition says at a place, "file:line".
type problem struct{ at, text string }

// check looks at one image and the folder of its definition.
type check func(ctx context.Context, folder string, image packer.Image) []problem

// checks are all that validate makes, besides those of reading the definitions.
func checks() []check { return []check{checkSources, checkDigests, checkScripts} }

func (p *program) newValidateCommand() *cobra.Command {
	var r recipe
	var none bool
	command := &cobra.Command{
		Use:   "validate [NAME…]",
		Short: "Say all that is wrong with the definitions",
		Long: "Read all definitions, and look at the images that are named, or at all: whether the files that\n" +
			"they use are there, whether what is fetched has a digest, and whether a shell understands the\n" +
			"scripts and tests. What no lock file pins is named.\n\n" +
			"Then packer validates the templates, with credentials that are none: for each image that is\n" +
			"named, else for one of each kind, a kind being a system, a target, and what of its template is\n" +
			"used. Where there is no packer that is left out, and said.",
		Example: "  worker-images validate\n  worker-images validate debian-12-worker-amd64 --target aws --packer ./packer",
		RunE: func(cmd *cobra.Command, names []string) error {
			if none && r.packer != "" {
				return &misuse{text: "--packer and --no-packer exclude each other"}
			}
			images, err := p.loadSome(names)
			if err != nil {
				return err
			}
			if images, err = narrow(images, r.targets, len(names) > 0); err != nil {
				return err
			}
			if err := p.validate(cmd.Context(), images); err != nil {
				return err
			}
			p.notePins(cmd.ErrOrStderr(), images)
			if err := p.validateTemplates(cmd.Context(), cmd.ErrOrStderr(), images, r, none, len(names) > 0); err != nil {
				return err
			}
			for _, image := range images {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: fine for %s\n", image.Name, join(image.Targets))
			}
			return nil
		},
	}
	f := command.Flags()
	f.StringSliceVar(&r.targets, "target", nil, "only these `targets`, with commas between")
	f.StringVar(&r.packer, "packer", "", "the packer `program`; packer on PATH when empty")
	f.BoolVar(&none, "no-packer", false, "leave out what packer validates")
	return command
}

// validate makes all checks, and reports each problem once, in the order of files and lines.
func (p *program) validate(ctx context.Context, images []packer.Image) error {
	var problems []problem
	for _, image := range images {
		for _, check := range checks() {
			for _, found := range check(ctx, p.folder, image) {
				if !slices.Contains(problems, found) {
					problems = append(problems, found)
				}
			}
		}
	}
	slices.SortStableFunc(problems, func(a, b problem) int {
		fileA, lineA := a.place()
		fileB, lineB := b.place()
		return cmp.Or(cmp.Compare(fileA, fileB), cmp.Compare(lineA, lineB))
	})
	var all []error
	for _, found := range problems {
		all = append(all, fmt.Errorf("%s: %s", found.at, found.text))
	}
	return errors.Join(all...)
}

// place takes the place apart.
func (p problem) place() (file string, line int) {
	i := strings.LastIndex(p.at, ":")
	if line, err := strconv.Atoi(p.at[i+1:]); err == nil {
		return p.at[:i], line
	}
	return p.at, 0
}

// checkSources finds files that a definition names and that are not there.
func checkSources(_ context.Context, folder string, image packer.Image) []problem {
	var problems []problem
	for _, s := range image.Sources() {
		name := path.Join(filepath.ToSlash(folder), s.Path)
		info, err := os.Stat(filepath.FromSlash(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			problems = append(problems, problem{image.From[s.Key], name + " is not there"})
		case err != nil:
			problems = append(problems, problem{image.From[s.Key], err.Error()})
		case !info.Mode().IsRegular():
			problems = append(problems, problem{image.From[s.Key], name + " is no file"})
		}
	}
	return problems
}

// checkDigests finds what would be fetched without anybody knowing whether it is right.
func checkDigests(_ context.Context, _ string, image packer.Image) []problem {
	var problems []problem
	for _, m := range lock.MissingPins(image) {
		if m.Digest {
			problems = append(problems, problem{m.From, fmt.Sprintf("it has no sha256, and %s has no %s", lock.FileName, m.Text)})
		}
	}
	return problems
}

// notePins names the bases that are whatever is newest on the day of the build.
func (p *program) notePins(out io.Writer, images []packer.Image) {
	var seen []string
	for _, image := range images {
		for _, m := range lock.MissingPins(image) {
			if !m.Digest && !slices.Contains(seen, m.Text) {
				seen = append(seen, m.Text)
				fmt.Fprintf(out, "worker-images: note: %s: not pinned: %s has no %s\n", m.From, lock.FileName, m.Text)
			}
		}
	}
	if len(seen) > 0 {
		fmt.Fprintln(out, "worker-images: note: worker-images update pins what is newest today")
	}
}
