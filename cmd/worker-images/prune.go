package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/packer"
	cloudapi "github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/retain"
)

// pruneFlags are the flags of prune.
type pruneFlags struct {
	targets              []string
	rules                retain.Rules
	keep                 string // the folder of pools' former definitions
	noPools, yes, asJSON bool
}

func (p *program) newPruneCommand() *cobra.Command {
	f := pruneFlags{}
	olderThan := age(30 * oneDay)
	command := &cobra.Command{
		Use:   "prune [NAME…]",
		Short: "Delete images that nothing needs any more",
		Long: "Shows which images in the clouds may go, and why the others stay; --yes deletes them. An image may go\n" +
			"that carries our tag and has a build in the ledger, is not among the newest of its name and region,\n" +
			"is old enough, is in no channel, would not be in one after a rollback, is no base in the definitions\n" +
			"or the lock file, and is used by no worker pool, machine, launch template or other account. A build\n" +
			"goes with all its copies or not at all, and is marked as deleted in the ledger.\n\n" +
			"Pools are those of TASKCLUSTER_ROOT_URL, TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN; what they\n" +
			"would have after `worker-images pool rollback` counts as well.",
		Example: "  worker-images prune\n" +
			"  worker-images prune debian-12-worker-amd64 --target aws --keep 2 --older-than 14d --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.rules.Keep < 0 {
				return &misuse{text: "--keep cannot be less than 0"}
			}
			f.rules.OlderThan = time.Duration(olderThan)
			return p.prune(cmd, args, f)
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&f.targets, "target", nil, "only these clouds: `aws,gcp,azure`")
	flags.IntVar(&f.rules.Keep, "keep", 3, "the newest `N` of each image and region stay")
	flags.Var(&olderThan, "older-than", "only older images go: an `AGE` such as 30d or 36h")
	flags.BoolVar(&f.rules.Unknown, "unknown", false, "images with our tag that the ledger does not have may go as well")
	addKeepFolder(command, &f.keep)
	flags.BoolVar(&f.noPools, "no-pools", false, "do not ask which images worker pools use")
	flags.BoolVar(&f.yes, "yes", false, "delete; without it nothing is changed")
	flags.BoolVar(&f.asJSON, "json", false, "the decisions, as JSON; with --yes once they are carried out")
	return command
}

func (p *program) prune(cmd *cobra.Command, names []string, f pruneFlags) error {
	ctx := cmd.Context()
	images, err := p.load()
	if err != nil {
		return err
	}
	l, err := p.ledger()
	if err != nil {
		return err
	}
	targets, err := inClouds(f.targets, images, l)
	if err != nil {
		return err
	}
	if err := checkNames(names, images, l); err != nil {
		return err
	}
	pools, err := poolTexts(ctx, f)
	if err != nil {
		return err
	}
	var plan []pruned
	var failed []error
	for _, t := range targets {
		some, err := p.prunable(ctx, retain.Situation{Target: t, Ledger: l, Pools: pools, Bases: basesOf(t, images)}, names, images, f.rules)
		plan, failed = append(plan, some...), append(failed, err)
	}
	if ctx.Err() != nil { // each call has said so
		return fmt.Errorf("prune: %w", context.Cause(ctx))
	}
	if err := errors.Join(failed...); err != nil && len(plan) == 0 {
		return err // an empty table would say that there is nothing
	}
	if !f.asJSON {
		if err := printPruned(cmd.OutOrStdout(), plan, f.yes); err != nil {
			return err
		}
	}
	if f.yes {
		failed = append(failed, p.deleteAll(ctx, cmd.OutOrStdout(), plan, f.asJSON))
	}
	if f.asJSON {
		failed = append(failed, printJSON(cmd.OutOrStdout(), prunedJSON(plan)))
	}
	return errors.Join(failed...)
}

// checkNames finds names of images that neither the definitions nor the ledger have.
func checkNames(names []string, images []packer.Image, l *ledger.Ledger) error {
	var known []string
	for _, i := range images {
		known = append(known, i.Name)
	}
	for _, b := range l.Builds { // of a definition that is gone, perhaps
		known = append(known, b.Image)
	}
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		var near []string
		if one, ok := nearest.Name(name, known); ok {
			near = []string{one}
		}
		return unknown("image", name, near, "worker-images list shows all images.")
	}
	return nil
}

// basesOf are the images that others are built upon, by the definitions and the lock file.
func basesOf(t packer.Target, images []packer.Image) map[string]string {
	bases := map[string]string{}
	for _, i := range images {
		for _, id := range []string{i.Bases[t].ID, i.Bases[t].Gallery} {
			if id != "" {
				bases[id] = i.Name
			}
		}
	}
	return bases
}

// pruned is an image, and what becomes of it.
type pruned struct {
	retain.Verdict
	target  packer.Target
	cloud   cloudapi.Cloud
	deleted bool
}

// prunable decides about the images of one target. Who uses an image is asked only where it could
// go otherwise; one of which that cannot be found out stays, and the error says why.
func (p *program) prunable(ctx context.Context, s retain.Situation, names []string, images []packer.Image, r retain.Rules) ([]pruned, error) {
	cloud, err := p.cloud(ctx, s.Target, images)
	if err != nil {
		return nil, err
	}
	found, err := cloud.Images(ctx)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(i cloudapi.Image) bool { return len(names) > 0 && !slices.Contains(names, i.Image) })
	verdicts := retain.Prune(found, s, r, time.Now())
	err = askUses(ctx, cloud, verdicts)
	retain.Together(verdicts)
	var all []pruned
	for _, v := range verdicts {
		all = append(all, pruned{Verdict: v, target: s.Target, cloud: cloud})
	}
	return all, err
}

// askUses asks who uses the images that may go otherwise.
func askUses(ctx context.Context, cloud cloudapi.Cloud, verdicts []retain.Verdict) error {
	const atOnce = 8
	errs := make([]error, len(verdicts))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for n := range verdicts {
		v := &verdicts[n]
		if v.Kept != "" {
			continue
		}
		group.Go(func() error {
			uses, err := cloud.Uses(ctx, v.Image)
			if err != nil {
				v.Kept = "who uses it cannot be found out"
				errs[n] = fmt.Errorf("prune: %s: %w", v.Image.ID, err)
				return nil
			}
			v.Use(uses)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, all of them
	return errors.Join(errs...)
}

func printPruned(out io.Writer, plan []pruned, yes bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TARGET\tREGION\tIMAGE\tID\tMADE\tDECISION")
	count := 0
	for _, v := range plan {
		if v.Kept == "" {
			count++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.target, orDash(v.Image.Region), v.Image.Image, v.Image.ID, day(v.Image.Made), decision(v.Kept))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !yes {
		fmt.Fprintf(out, "%d of %d images would be deleted. --yes deletes them.\n", count, len(plan))
	}
	return nil
}

// decision is what a table says of what is kept for a reason, or goes without one.
func decision(kept string) string {
	if kept == "" {
		return "delete"
	}
	return "keep: " + kept
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// day is a time in a table.
func day(when time.Time) string {
	if when.IsZero() {
		return "-"
	}
	return when.UTC().Format(time.DateOnly)
}

// shownImage is a decision in JSON.
type shownImage struct {
	Target  packer.Target `json:"target"`
	Region  string        `json:"region,omitempty"`
	Image   string        `json:"image"`
	ID      string        `json:"id"`
	Name    string        `json:"name"`
	Made    time.Time     `json:"made,omitzero"`
	Delete  bool          `json:"delete"`
	Kept    string        `json:"kept,omitempty"` // why
	Deleted bool          `json:"deleted"`
}

func prunedJSON(plan []pruned) []shownImage {
	all := []shownImage{}
	for _, v := range plan {
		all = append(all, shownImage{v.target, v.Image.Region, v.Image.Image, v.Image.ID, v.Image.Name, v.Image.Made, v.Kept == "", v.Kept, v.deleted})
	}
	return all
}
