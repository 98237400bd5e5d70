package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/packer/diff"
	"github.com/workerkit/workerkit/packer/record"
)

// errDiffer is what --exit-code makes of a difference.
var errDiffer = errors.New("the images differ")

func (p *program) newDiffCommand() *cobra.Command {
	var asJSON, exitCode bool
	var only []string
	command := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two built images by their records",
		Long: "Compare two built images by their records: packages, services, files, sizes of folders, base,\n" +
			"definition, versions, tests. A and B are two versions of one target, or two targets of one version:\n" +
			"then kernels and what each cloud needs differ by nature, and are shown all the same. Folders that\n" +
			"differ by less than 1 MiB, and times, do not count.\n\n" + recordHelp + "\n" +
			"Without TARGET it is the one that both have.",
		Example: "  worker-images diff debian-12-worker-amd64/20261101/aws debian-12-worker-amd64/20261108\n" +
			"  worker-images diff debian-12-worker-amd64/20261108/aws debian-12-worker-amd64/20261108/gcp --only packages\n" +
			"  worker-images diff debian-12-worker-amd64@production/aws debian-12-worker-amd64/20261108 --exit-code",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkKinds(only); err != nil {
				return err
			}
			from, to, err := p.pair(args[0], args[1])
			if err != nil {
				return err
			}
			a, err := sideOf(from)
			if err != nil {
				return err
			}
			b, err := sideOf(to)
			if err != nil {
				return err
			}
			report := diff.Compare(a, b, only...)
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.Print(cmd.OutOrStdout())
			}
			if err == nil && exitCode && len(report.Changes) > 0 {
				err = errDiffer
			}
			return err
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	command.Flags().StringSliceVar(&only, "only", nil, "compare only these, with commas between: `"+strings.Join(diff.Kinds(), ",")+"`")
	command.Flags().BoolVar(&exitCode, "exit-code", false, "end with code 3 when they differ")
	return command
}

func sideOf(dir string) (diff.Side, error) {
	r, inv, err := record.Read(dir)
	return diff.Side{Record: r, Inventory: inv}, err
}

func checkKinds(only []string) error {
	for _, kind := range only {
		if slices.Contains(diff.Kinds(), kind) {
			continue
		}
		var near []string
		if one, ok := nearest.Name(kind, diff.Kinds()); ok {
			near = []string{one}
		}
		return unknown("kind of difference", kind, near, fmt.Sprintf("There are %s.", strings.Join(diff.Kinds(), ", ")))
	}
	return nil
}
