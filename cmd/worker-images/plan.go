package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/plan"
	"github.com/workerkit/workerkit/packer/record"
)

// errPending is for a plan in which something would be built, when that was to be said with the
// exit code.
var errPending = errors.New("something would be built")

// ledgerPath is where the ledger is.
func (p *program) ledgerPath() string { return filepath.Join(p.folder, ledger.FileName) }

// planner knows the ledger as it is now, and the records.
func (p *program) planner() (*plan.Planner, error) {
	l, err := p.ledger()
	if err != nil {
		return nil, err
	}
	return &plan.Planner{
		Definitions: plan.NewDefinitions(os.DirFS(p.folder)), Ledger: l,
		Record: func(b *ledger.Build) *record.Record { return former(p.records, b) },
	}, nil
}

// former reads the manifest of a build, which may be on another computer: nil when there is none
// that can be read. It only makes what plan says more precise.
func former(records string, b *ledger.Build) *record.Record {
	ref := record.Ref{Image: b.Image, Version: b.Version, Target: b.Target}
	text, err := os.ReadFile(filepath.Join(ref.Dir(records), record.ManifestFile))
	if err != nil {
		return nil
	}
	var r record.Record
	if json.Unmarshal(text, &r) != nil || r.Definition != b.Definition {
		return nil
	}
	return &r
}

func (p *program) newPlanCommand() *cobra.Command {
	var targets []string
	var asJSON, exitCode bool
	command := &cobra.Command{
		Use:   "plan [NAME…]",
		Short: "Say what would be built, and why",
		Long: "Say for each target of the images that are named, or of all, whether it has to be built, and why.\n" +
			"The hash of all that decides what an image is, the scripts of this program included, is looked up\n" +
			"in the ledger: what was built with that hash, and is neither revoked nor deleted, is not built\n" +
			"again. Where the record of the former build is there, what has changed is named.\n\n" +
			"A target is blocked when its base is an image of ours that was revoked or deleted.",
		Example: "  worker-images plan\n" +
			"  worker-images plan debian-12-worker-amd64 --target aws,gcp --json\n" +
			"  worker-images plan --exit-code || echo \"there is something to do\"",
		RunE: func(cmd *cobra.Command, names []string) error {
			images, err := p.loadSome(names)
			if err != nil {
				return err
			}
			if images, err = narrow(images, targets, len(names) > 0); err != nil {
				return err
			}
			planner, err := p.planner()
			if err != nil {
				return err
			}
			steps, err := planner.Make(images)
			if err != nil {
				return err
			}
			show := printPlan
			if asJSON {
				show = func(out io.Writer, steps []plan.Step) error { return printJSON(out, steps) }
			}
			if err := show(cmd.OutOrStdout(), steps); err != nil {
				return err
			}
			if exitCode && slices.ContainsFunc(steps, func(s plan.Step) bool { return s.Build || s.Blocked }) {
				return errPending
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&targets, "target", nil, "only these `targets`, with commas between")
	flags.BoolVar(&asJSON, "json", false, "as JSON")
	flags.BoolVar(&exitCode, "exit-code", false, "end with code 3 when something would be built or is blocked")
	return command
}

// printPlan prints a line for each step, and the commands that do it all.
func printPlan(out io.Writer, steps []plan.Step) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var toBuild, blocked int
	for _, s := range steps {
		word := "skip"
		switch {
		case s.Build:
			word, toBuild = "build", toBuild+1
		case s.Blocked:
			word, blocked = "blocked", blocked+1
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Image, s.Target, word, s.Why)
		for _, note := range s.Notes {
			fmt.Fprintf(w, "\t\tnote\t%s\n", note)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d of %d to build", toBuild, len(steps))
	if blocked > 0 {
		fmt.Fprintf(out, ", %d blocked", blocked)
	}
	fmt.Fprintln(out)
	for _, command := range commands(steps) {
		fmt.Fprintln(out, " ", command)
	}
	return nil
}

// commands builds all targets of an image at once.
func commands(steps []plan.Step) []string {
	var order []string
	targets := map[string][]packer.Target{}
	for _, s := range steps {
		if !s.Build {
			continue
		}
		if targets[s.Image] == nil {
			order = append(order, s.Image)
		}
		targets[s.Image] = append(targets[s.Image], s.Target)
	}
	var all []string
	for _, image := range order {
		all = append(all, fmt.Sprintf("worker-images build %s --target %s", image, strings.ReplaceAll(join(targets[image]), ", ", ",")))
	}
	return all
}
