package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
)

func (p *program) newLedgerCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "ledger",
		Short: "Which images there are, and which ones are in use",
		Long: "The ledger, " + ledger.FileName + " in the folder of the definitions, is a file for version control: it has each\n" +
			"image that was built, what it was made of, how its tests ended, and which version each channel has.\n" +
			"Commit it together with the definitions.",
		Example: "  worker-images ledger list\n" +
			"  worker-images ledger promote debian-12-worker-amd64 20260501120000",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &misuse{
				text: "ledger does nothing by itself",
				hint: "There are ledger list, show, ancestry, promote, rollback, revoke and test.",
			}
		},
	}
	command.AddCommand(
		p.newLedgerListCommand(), p.newLedgerShowCommand(), p.newLedgerAncestryCommand(),
		p.newPromoteCommand(), p.newRollbackCommand(), p.newRevokeCommand(), p.newLedgerTestCommand(),
	)
	return command
}

// now is the time as the ledger has it.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// unknownBuild makes an error of the command line of what the ledger does not have.
func unknownBuild(l *ledger.Ledger, image, version string, target packer.Target) error {
	const hint = "worker-images ledger list shows what there is."
	var images, versions []string
	for _, b := range l.Builds {
		images = append(images, b.Image)
		if b.Image == image {
			versions = append(versions, b.Version)
		}
	}
	near := func(name string, names []string) []string {
		if one, ok := nearest.Name(name, names); ok {
			return []string{one}
		}
		return nil
	}
	switch {
	case len(versions) == 0:
		return unknown("build of the image", image, near(image, images), hint)
	case len(l.Find(image, version, "")) == 0:
		return unknown("build of "+image+" with the version", version, near(version, versions), hint)
	}
	return &misuse{text: fmt.Sprintf("%s %s was not built for %s", image, version, target), hint: hint}
}

// change changes the ledger, and makes errors of the command line what they are.
func (p *program) change(cmd *cobra.Command, image, version string, target packer.Target, change func(*ledger.Ledger) error) error {
	return ledger.Update(cmd.Context(), p.ledgerPath(), func(l *ledger.Ledger) error {
		if len(l.Find(image, version, target)) == 0 {
			return unknownBuild(l, image, version, target)
		}
		return change(l)
	})
}

// oneTarget understands --target with one target or none.
func oneTarget(word string) (packer.Target, error) {
	if word == "" {
		return "", nil
	}
	targets, err := targetsOf([]string{word})
	if err != nil {
		return "", err
	}
	return targets[0], nil
}

func (p *program) newPromoteCommand() *cobra.Command {
	var channel string
	var force bool
	command := &cobra.Command{
		Use:   "promote NAME VERSION",
		Short: "Make a version the current one of a channel",
		Long: "Make a version of an image the one that a channel has; `worker-images pool` takes it from there. A\n" +
			"version that is revoked or deleted is refused. So is one that was not built for all targets of the\n" +
			"definition, and one with a test that failed last, unless --force.",
		Example: "  worker-images ledger promote debian-12-worker-amd64 20260501120000 --channel beta",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			promotion := ledger.Promotion{Image: args[0], Version: args[1], Channel: channel, Force: force, At: now()}
			var former string
			err := p.change(cmd, args[0], args[1], "", func(l *ledger.Ledger) error {
				if !force {
					images, err := p.loadSome(args[:1])
					if err != nil {
						return fmt.Errorf("%w (--force promotes what no definition makes any more)", err)
					}
					promotion.Targets = images[0].Targets
				}
				former = l.Current(args[0], channel)
				return l.Promote(promotion)
			})
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s of %s: %s -> %s\n", channel, args[0], orNothing(former), args[1])
			}
			return err
		},
	}
	command.Flags().StringVar(&channel, "channel", ledger.Production, "which `channel`")
	command.Flags().BoolVar(&force, "force", false, "although a target lacks or a test failed")
	return command
}

func orNothing(version string) string {
	if version == "" {
		return "(none)"
	}
	return version
}

func (p *program) newRollbackCommand() *cobra.Command {
	var channel string
	command := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Go back to the version that a channel had before",
		Long: "Give a channel the version that was promoted before its current one, and that is neither revoked\n" +
			"nor deleted. Another rollback goes further back.",
		Example: "  worker-images ledger rollback debian-12-worker-amd64",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var former, version string
			err := p.change(cmd, args[0], "", "", func(l *ledger.Ledger) (err error) {
				former = l.Current(args[0], channel)
				if version, err = l.Rollback(args[0], channel, now()); errors.Is(err, ledger.ErrNothing) {
					return fmt.Errorf("%w: the channel keeps %s; promote another version", err, orNothing(former))
				}
				return err
			})
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s of %s: %s -> %s\n", channel, args[0], former, version)
			}
			return err
		},
	}
	command.Flags().StringVar(&channel, "channel", ledger.Production, "which `channel`")
	return command
}

func (p *program) newRevokeCommand() *cobra.Command {
	var word, reason string
	command := &cobra.Command{
		Use:   "revoke NAME VERSION",
		Short: "Say that a version must not be used any more",
		Long: "Note in the ledger that a version, or one target of it, must not be used any more. Channels that\n" +
			"have it go back to the version before, or are empty when there is none. Images that were built\n" +
			"upon it are named. Nothing is deleted, and pools keep what they have: see `worker-images pool`.",
		Example: "  worker-images ledger revoke debian-12-worker-amd64 20260501120000 --reason \"CVE-2026-1\"",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := oneTarget(word)
			if err != nil {
				return err
			}
			if strings.TrimSpace(reason) == "" {
				return &misuse{text: "why?", hint: "revoke needs --reason TEXT."}
			}
			var done ledger.Revoked
			err = p.change(cmd, args[0], args[1], target, func(l *ledger.Ledger) (err error) {
				done, err = l.Revoke(args[0], args[1], target, reason, now())
				return err
			})
			if err == nil {
				printRevoked(cmd.OutOrStdout(), args[0], args[1], done)
			}
			return err
		},
	}
	command.Flags().StringVar(&word, "target", "", "only in this `target`")
	command.Flags().StringVar(&reason, "reason", "", "why, for those who ask later: a `text`; required")
	return command
}

func (p *program) newLedgerTestCommand() *cobra.Command {
	var word, name, detail string
	var passed, failed bool
	command := &cobra.Command{
		Use:   "test NAME VERSION --name TEST --passed|--failed",
		Short: "Note how a test of a version ended",
		Long: "Note how a test ended that something else than worker-images has made, such as a run of real tasks.\n" +
			"Of two results of one test the later counts. A version with a test that failed is not promoted.",
		Example: "  worker-images ledger test debian-12-worker-amd64 20260501120000 --name try-push --passed",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := oneTarget(word)
			if err != nil {
				return err
			}
			if name == "" || passed == failed {
				return &misuse{text: "which test, and how did it end?", hint: "It needs --name TEST, and either --passed or --failed."}
			}
			test := ledger.Test{Name: name, Passed: passed, At: now(), Detail: detail}
			return p.change(cmd, args[0], args[1], target, func(l *ledger.Ledger) error {
				return l.AddTest(args[0], args[1], target, test)
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&name, "name", "", "which `test`; required")
	flags.BoolVar(&passed, "passed", false, "it passed")
	flags.BoolVar(&failed, "failed", false, "it failed")
	flags.StringVar(&detail, "detail", "", "what else there is to say: a `text`")
	flags.StringVar(&word, "target", "", "only of this `target`")
	return command
}
