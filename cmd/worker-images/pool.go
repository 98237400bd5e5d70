package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/pools"
)

// poolFlags are the flags of pool and of pool rollback.
type poolFlags struct {
	keep   string
	expect []string
	yes    bool
	asJSON bool
}

func (f *poolFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.BoolVar(&f.yes, "yes", false, "apply the change; without it the change is only shown")
	flags.StringArrayVar(&f.expect, "expect", nil, "apply only the change of this `DIGEST`, which was shown with its diff; may be repeated")
	addKeepFolder(command, &f.keep)
	flags.BoolVar(&f.asJSON, "json", false, "the new definitions, whole, as JSON")
}

// addKeepFolder adds the flag of all commands that need to know what pools were.
func addKeepFolder(command *cobra.Command, folder *string) {
	command.Flags().StringVar(folder, "keep-folder", "pools", "the `folder` where former definitions of worker pools are kept")
}

// poolChoice is which image goes where.
type poolChoice struct {
	channel, version string
	newest           bool
	beside           string
	options          pools.Options
}

func (p *program) newPoolCommand() *cobra.Command {
	var c poolChoice
	var f poolFlags
	command := &cobra.Command{
		Use:   "pool NAME [POOL…]",
		Short: "Put an image into the launch configs of worker pools",
		Long: "Shows what the worker pools become with the image NAME: a diff of each, and the workers of launch\n" +
			"configs that go. Launch configs change that have an image of an earlier build of NAME in the\n" +
			"ledger; the others are named and stay. Without POOL these are all pools that have one. Nothing is\n" +
			"sent without --yes. Before that, what the pool was is kept for `worker-images pool rollback`.\n\n" +
			"The deployment is that of TASKCLUSTER_ROOT_URL, TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN\n" +
			"(and TASKCLUSTER_CERTIFICATE).",
		Example: "  worker-images pool debian-12-worker-amd64\n" +
			"  worker-images pool debian-12-worker-amd64 proj/linux --beside 0.1 --yes --expect 0123456789abcdef-0123456789abcdef\n" +
			"  worker-images pool debian-12-worker-amd64 proj/linux --yes",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.check(cmd, args[1:]); err != nil {
				return err
			}
			images, err := p.poolImages(args[0], c)
			if err != nil {
				return err
			}
			r, err := newPoolRun(cmd, f)
			if err != nil {
				return err
			}
			return r.all(cmd.Context(), images, c.options, args[1:])
		},
	}
	flags := command.Flags()
	flags.StringVar(&c.channel, "channel", ledger.Production, "the version that this `channel` has")
	flags.StringVar(&c.version, "version", "", "this `version`")
	flags.BoolVar(&c.newest, "newest", false, "the last version that is neither revoked nor deleted")
	flags.StringArrayVar(&c.options.Launches, "launch-config", nil, "change only the launch config of this `ID`; may be repeated")
	flags.StringVar(&c.options.Replace, "replace", "", "change launch configs with this `image` as well, which is none of ours")
	flags.BoolVar(&c.options.All, "all", false, "change launch configs whatever image they have; with POOL")
	flags.StringVar(&c.beside, "beside", "", "add the new image beside the former one: the `weight` it gets, between 0 and 1, or off; again with another weight, and at last without")
	f.add(command)
	command.AddCommand(p.newPoolRollbackCommand())
	return command
}

// check reads what the flags say together.
func (c *poolChoice) check(cmd *cobra.Command, ids []string) error {
	chosen := 0
	for _, name := range []string{"channel", "version", "newest"} {
		if cmd.Flags().Changed(name) {
			chosen++
		}
	}
	switch {
	case chosen > 1:
		return &misuse{text: "only one of --channel, --version and --newest can be given"}
	case c.options.All && c.options.Replace != "":
		return &misuse{text: "only one of --all and --replace can be given"}
	case c.options.All && len(ids) == 0:
		return &misuse{text: "--all needs the pools by name"}
	}
	if c.newest || c.version != "" {
		c.channel = ""
	}
	if c.beside != "" && c.beside != "off" {
		weight, err := strconv.ParseFloat(c.beside, 64)
		if err != nil || !(weight > 0 && weight < 1) {
			return &misuse{text: fmt.Sprintf("--beside %s: a weight is more than 0 and less than 1, such as 0.1", c.beside)}
		}
		c.options.Beside = weight
	}
	return checkPoolIDs(ids)
}

func checkPoolIDs(ids []string) error {
	for _, id := range ids {
		if !pools.ValidID(id) {
			return &misuse{text: fmt.Sprintf("%q is no worker pool: one is called PROVISIONER/NAME, such as proj/linux", id)}
		}
	}
	return nil
}

func (p *program) newPoolRollbackCommand() *cobra.Command {
	var f poolFlags
	var to string
	var force bool
	command := &cobra.Command{
		Use:   "rollback POOL",
		Short: "Give a worker pool the definition that it had before",
		Long: "Shows what the worker pool becomes with the newest definition that `worker-images pool` has kept of\n" +
			"it, or with that of --to. Nothing is sent without --yes. A pool that is not as it was left is\n" +
			"refused, and so is a definition with an image that was revoked or deleted, unless --force. What the\n" +
			"pool is now is kept as well, so that another rollback takes this one back.",
		Example: "  worker-images pool rollback proj/linux\n" +
			"  worker-images pool rollback proj/linux --to pools/proj/linux/20260102T030405.678Z.json --yes",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPoolIDs(args); err != nil {
				return err
			}
			l, err := p.ledger()
			if err != nil {
				return err
			}
			r, err := newPoolRun(cmd, f)
			if err != nil {
				return err
			}
			return r.rollback(cmd.Context(), args[0], to, force, l)
		},
	}
	flags := command.Flags()
	flags.StringVar(&to, "to", "", "the definition in this `file`")
	flags.BoolVar(&force, "force", false, "even if somebody else has changed the pool since, or an image was revoked or deleted")
	f.add(command)
	return command
}

// newPoolRun makes what both commands work with.
func newPoolRun(cmd *cobra.Command, f poolFlags) (*poolRun, error) {
	digest := regexp.MustCompile(`^[0-9a-f]{16}-[0-9a-f]{16}$`)
	for _, expected := range f.expect {
		if !digest.MatchString(expected) {
			return nil, &misuse{text: fmt.Sprintf("%q is no digest of a change", expected), hint: "The diff ends in one: --expect DIGEST."}
		}
	}
	manager, err := workerManager()
	if err != nil {
		return nil, err
	}
	return &poolRun{
		flags: f, manager: manager, keep: pools.Folder(f.keep), now: time.Now,
		out: cmd.OutOrStdout(), warnings: cmd.ErrOrStderr(), shown: []poolShown{},
	}, nil
}
