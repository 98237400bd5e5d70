package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
)

func (p *program) newListCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "list",
		Short: "Show which images there are",
		Long: "Show which images the definitions make, each with its operating system, architecture and targets.\n" +
			"With --json it is all of every image, and for each value where it comes from.",
		Example: "  worker-images list\n  worker-images list --json | jq -r '.[].name'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			images, err := p.load()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), images)
			}
			return printList(cmd.OutOrStdout(), images)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "all of every image, as JSON")
	return command
}

func printList(out io.Writer, images []packer.Image) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tOS\tARCH\tTARGETS\tDESCRIPTION")
	for _, i := range images {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", i.Name, i.OS, i.Arch, join(i.Targets), i.Description)
	}
	return w.Flush()
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
