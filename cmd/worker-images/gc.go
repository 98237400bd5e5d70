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

	"github.com/workerkit/workerkit/packer"
	cloudapi "github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/retain"
)

// gcFlags are the flags of gc.
type gcFlags struct {
	targets     []string
	olderThan   age
	run         string
	running     []string
	yes, asJSON bool
}

func (p *program) newGCCommand() *cobra.Command {
	f := gcFlags{olderThan: age(oneDay)}
	command := &cobra.Command{
		Use:   "gc",
		Short: "Remove what broken builds have left in the clouds",
		Long: "Shows the machines, disks, keys, networks and snapshots that builds have made for themselves and that\n" +
			"are still there, and which may go; --yes removes them. A build is as old as the youngest thing that\n" +
			"it has made: what is younger than --older-than may belong to one that is still going. Only what\n" +
			"carries the tag of a run is listed, and what provably belongs to a machine that does.",
		Example: "  worker-images gc\n" +
			"  worker-images gc --target aws --older-than 6h --yes\n" +
			"  worker-images gc --run 20261122T101112Z-4f2a --older-than 0s --yes",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.gc(cmd, f) },
	}
	flags := command.Flags()
	flags.StringSliceVar(&f.targets, "target", nil, "only these clouds: `aws,gcp,azure`")
	flags.Var(&f.olderThan, "older-than", "only what builds have left that are older: an `AGE` such as 24h or 2d")
	flags.StringVar(&f.run, "run", "", "only what the build of this `ID` has left")
	flags.StringArrayVar(&f.running, "running", nil, "the build of this `ID` is still going: nothing of it is removed; may be repeated")
	flags.BoolVar(&f.yes, "yes", false, "remove; without it nothing is changed")
	flags.BoolVar(&f.asJSON, "json", false, "the decisions, as JSON; with --yes once they are carried out")
	return command
}

func (p *program) gc(cmd *cobra.Command, f gcFlags) error {
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
	var plan []collected
	var failed []error
	for _, t := range targets {
		some, err := p.collectable(ctx, t, images, f)
		plan, failed = append(plan, some...), append(failed, err)
	}
	if ctx.Err() != nil { // each call has said so
		return fmt.Errorf("gc: %w", context.Cause(ctx))
	}
	if err := errors.Join(failed...); err != nil && len(plan) == 0 {
		return err // an empty table would say that there is nothing
	}
	if !f.asJSON {
		if err := printCollected(cmd.OutOrStdout(), plan, f.yes); err != nil {
			return err
		}
	}
	if f.yes {
		failed = append(failed, removeAll(ctx, cmd.OutOrStdout(), plan, f.asJSON))
	}
	if f.asJSON {
		failed = append(failed, printJSON(cmd.OutOrStdout(), collectedJSON(plan)))
	}
	return errors.Join(failed...)
}

// collected is something that a build has left, and what becomes of it.
type collected struct {
	retain.Finding
	target  packer.Target
	cloud   cloudapi.Cloud
	removed bool
}

// collectable decides about what builds have left in one target.
func (p *program) collectable(ctx context.Context, t packer.Target, images []packer.Image, f gcFlags) ([]collected, error) {
	cloud, err := p.cloud(ctx, t, images)
	if err != nil {
		return nil, err
	}
	found, err := cloud.Leftovers(ctx)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(r cloudapi.Resource) bool { return f.run != "" && r.Run != f.run })
	var all []collected
	for _, finding := range retain.GC(found, time.Duration(f.olderThan), f.running, time.Now()) {
		all = append(all, collected{Finding: finding, target: t, cloud: cloud})
	}
	return all, nil
}

func printCollected(out io.Writer, plan []collected, yes bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TARGET\tREGION\tKIND\tID\tRUN\tMADE\tDECISION")
	count := 0
	for _, c := range plan {
		if c.Kept == "" {
			count++
		}
		made := "-"
		if !c.Resource.Made.IsZero() {
			made = c.Resource.Made.UTC().Format("2006-01-02 15:04")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.target, orDash(c.Resource.Region), c.Resource.Kind, c.Resource.ID, c.Resource.Run, made, decision(c.Kept))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !yes {
		fmt.Fprintf(out, "%d of %d leftovers would be removed. --yes removes them.\n", count, len(plan))
	}
	return nil
}

// removeAll removes what may go. It goes on after one that fails, but not after an interrupt.
func removeAll(ctx context.Context, out io.Writer, plan []collected, quiet bool) error {
	var failed []error
	for n := range plan {
		c := &plan[n]
		if c.Kept != "" {
			continue
		}
		if ctx.Err() != nil {
			return errors.Join(append(failed, fmt.Errorf("gc: %w", context.Cause(ctx)))...)
		}
		if err := c.cloud.Remove(ctx, c.Resource); err != nil {
			failed = append(failed, fmt.Errorf("gc: remove %s %s: %w", c.Resource.Kind, c.Resource.ID, err))
			continue
		}
		c.removed = true
		if !quiet {
			fmt.Fprintln(out, "removed", c.target, orDash(c.Resource.Region), c.Resource.Kind, c.Resource.ID)
		}
	}
	return errors.Join(failed...)
}

// shownLeftover is a decision in JSON.
type shownLeftover struct {
	Target  packer.Target `json:"target"`
	Region  string        `json:"region,omitempty"`
	Kind    string        `json:"kind"`
	ID      string        `json:"id"`
	Run     string        `json:"run"`
	Made    time.Time     `json:"made,omitzero"`
	Remove  bool          `json:"remove"`
	Kept    string        `json:"kept,omitempty"` // why
	Removed bool          `json:"removed"`
}

func collectedJSON(plan []collected) []shownLeftover {
	all := []shownLeftover{}
	for _, c := range plan {
		r := c.Resource
		all = append(all, shownLeftover{c.target, r.Region, r.Kind, r.ID, r.Run, r.Made, c.Kept == "", c.Kept, c.removed})
	}
	return all
}
