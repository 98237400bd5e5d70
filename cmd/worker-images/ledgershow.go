package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer/ledger"
)

func (p *program) newLedgerListCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:     "list [NAME…]",
		Short:   "Show all builds, the newest last",
		Long:    "Show a line for each build of the images that are named, or of all: which channels have it, and how\nits tests ended.",
		Example: "  worker-images ledger list debian-12-worker-amd64",
		RunE: func(cmd *cobra.Command, names []string) error {
			l, err := p.ledger()
			if err != nil {
				return err
			}
			for _, name := range names {
				if len(l.Find(name, "", "")) == 0 {
					return unknownBuild(l, name, "", "")
				}
			}
			var builds []*ledger.Build
			for _, b := range l.Find("", "", "") {
				if len(names) == 0 || slices.Contains(names, b.Image) {
					builds = append(builds, b)
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), known(l, builds))
			}
			return printBuilds(cmd.OutOrStdout(), l, builds)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return command
}

// knownBuild is a build with what the ledger says of it elsewhere.
type knownBuild struct {
	*ledger.Build

	Current []string `json:"current"` // the channels that have its version
}

func known(l *ledger.Ledger, builds []*ledger.Build) []knownBuild {
	all := []knownBuild{}
	for _, b := range builds {
		all = append(all, knownBuild{b, append([]string{}, l.ChannelsAt(b.Image, b.Version)...)})
	}
	return all
}

func printBuilds(out io.Writer, l *ledger.Ledger, builds []*ledger.Build) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tVERSION\tTARGET\tMADE\tCHANNELS\tSTATE\tIMAGES")
	for _, b := range builds {
		channels := "-"
		if names := l.ChannelsAt(b.Image, b.Version); b.Usable() && len(names) > 0 {
			channels = strings.Join(names, ",")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Image, b.Version, b.Target, b.Made.UTC().Format(time.DateTime), channels, state(b), artifacts(b))
	}
	return w.Flush()
}

// state is what matters most about a build.
func state(b *ledger.Build) string {
	failed := b.Failed()
	switch {
	case b.Revoked != nil:
		return "revoked: " + b.Revoked.Reason
	case b.Deleted != nil:
		return "deleted"
	case len(failed) > 0:
		return "failed: " + strings.Join(failed, ", ")
	case len(b.Tests) > 0:
		return "tested"
	}
	return "untested"
}

// artifacts names what was built.
func artifacts(b *ledger.Build) string {
	var all []string
	for _, a := range b.Artifacts {
		name := a.ID
		if name == "" {
			name = a.File
		}
		if a.Region != "" {
			name += " (" + a.Region + ")"
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

func (p *program) newLedgerShowCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:     "show NAME [VERSION]",
		Short:   "Show all that the ledger has about a version",
		Long:    "Show all that the ledger has about the builds of a version of an image, the newest one when none is\nnamed.",
		Example: "  worker-images ledger show debian-12-worker-amd64 20260501120000",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, builds, err := p.builds(args)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), known(l, builds))
			}
			for _, b := range builds {
				if err := printBuild(cmd.OutOrStdout(), l, b); err != nil {
					return err
				}
			}
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return command
}

// builds finds those of NAME and VERSION, the newest one without.
func (p *program) builds(args []string) (*ledger.Ledger, []*ledger.Build, error) {
	l, err := p.ledger()
	if err != nil {
		return nil, nil, err
	}
	all, version := l.Find(args[0], "", ""), ""
	switch {
	case len(args) > 1:
		version = args[1]
	case len(all) > 0:
		version = all[len(all)-1].Version
	}
	builds := l.Find(args[0], version, "")
	if len(builds) == 0 {
		return nil, nil, unknownBuild(l, args[0], version, "")
	}
	return l, builds, nil
}

func printBuild(out io.Writer, l *ledger.Ledger, b *ledger.Build) error {
	fmt.Fprintln(out, b)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %s\t%s\n", name, value)
		}
	}
	line("made", b.Made.UTC().Format(time.DateTime))
	line("images", artifacts(b))
	line("channels", strings.Join(l.ChannelsAt(b.Image, b.Version), ", "))
	if b.Revoked != nil {
		line("revoked", b.Revoked.At.Format(time.DateTime)+": "+b.Revoked.Reason)
	}
	if b.Deleted != nil {
		line("deleted", b.Deleted.Format(time.DateTime))
	}
	line("base", b.Base)
	line("definition", b.Definition)
	line("revision", b.Revision)
	line("run", b.Run)
	line("record", b.Sums)
	line("sbom", b.SBOM)
	for _, t := range b.Tests {
		word := "passed"
		if !t.Passed {
			word = "failed"
		}
		line("test "+t.Name, strings.TrimSpace(word+" "+t.At.Format(time.DateTime)+" "+t.Detail))
	}
	return w.Flush()
}

// ancestry is what ledger ancestry prints as JSON.
type ancestry struct {
	Build       *ledger.Build   `json:"build"`
	Ancestors   []*ledger.Build `json:"ancestors"`   // the nearest first
	Base        string          `json:"base"`        // the cloud's own, under them all
	Descendants []*ledger.Build `json:"descendants"` // the nearest first
}

func (p *program) newLedgerAncestryCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "ancestry NAME VERSION",
		Short: "Show what a version was built upon, and what was built upon it",
		Long: "Show for each target of a version what it was built upon, down to the cloud's own image, and which\n" +
			"images of ours were built upon it.",
		Example: "  worker-images ledger ancestry debian-12-base 20260501120000",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, builds, err := p.builds(args)
			if err != nil {
				return err
			}
			all := []ancestry{}
			for _, b := range builds {
				a := ancestry{Build: b, Ancestors: append([]*ledger.Build{}, l.Ancestors(b)...), Base: b.Base, Descendants: append([]*ledger.Build{}, l.Descendants(b)...)}
				if n := len(a.Ancestors); n > 0 {
					a.Base = a.Ancestors[n-1].Base
				}
				all = append(all, a)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			printAncestry(cmd.OutOrStdout(), all)
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return command
}

func printAncestry(out io.Writer, all []ancestry) {
	note := func(b *ledger.Build) string {
		if b.Usable() {
			return ""
		}
		return " (" + state(b) + ")"
	}
	for _, a := range all {
		fmt.Fprintf(out, "%s%s\n", a.Build, note(a.Build))
		for _, b := range a.Ancestors {
			fmt.Fprintf(out, "  upon %s%s\n", b, note(b))
		}
		fmt.Fprintf(out, "  upon %s\n", orUnknown(a.Base))
		for _, b := range a.Descendants {
			fmt.Fprintf(out, "  below %s%s\n", b, note(b))
		}
	}
}

func orUnknown(base string) string {
	if base == "" {
		return "a base that nobody noted"
	}
	return base
}

// printRevoked tells what a revocation has done, and what is left to do.
func printRevoked(out io.Writer, image, version string, done ledger.Revoked) {
	if len(done.Builds) == 0 {
		fmt.Fprintf(out, "%s %s was revoked before\n", image, version)
	}
	for _, b := range done.Builds {
		fmt.Fprintf(out, "revoked %s: %s\n", b, artifacts(b))
	}
	for _, c := range done.Channels {
		if c.Now == "" {
			fmt.Fprintf(out, "%s of %s is empty now: nothing that was promoted before is usable\n", c.Channel, image)
			continue
		}
		fmt.Fprintf(out, "%s of %s: %s -> %s\n", c.Channel, image, version, c.Now)
	}
	for _, b := range done.Children {
		fmt.Fprintf(out, "built upon it: %s: %s; build it again, or revoke it as well\n", b, artifacts(b))
	}
	fmt.Fprintf(out, "pools that have it keep it: worker-images pool %s\n", image)
}
