package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer/inventory"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/record"
)

func (p *program) newRecordCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "record",
		Short: "Show and check what builds have left",
		Long: "Show and check what builds have left: for each image and target a folder with a manifest, an\n" +
			"inventory, an SBOM, the log, a page for people, checksums and a signature over them.",
		Example: "  worker-images record verify debian-12-worker-amd64/20261108",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &misuse{text: "record does nothing by itself", hint: "There are record show, record verify and record key."}
		},
	}
	command.AddCommand(p.newRecordShowCommand(), p.newRecordVerifyCommand(), newRecordKeyCommand())
	return command
}

func (p *program) newRecordShowCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:     "show RECORD",
		Short:   "Show a record in short",
		Long:    "Show a record in short, or of all targets of a version. Its page, index.html, has all of it.\n\n" + recordHelp,
		Example: "  worker-images record show debian-12-worker-amd64/20261108/aws",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.choose(args[0])
			if err != nil {
				return err
			}
			var all []record.Record
			for _, t := range c.targets {
				r, inv, err := record.Read(c.dirs[t])
				if err != nil {
					return err
				}
				if all = append(all, r); asJSON {
					continue
				}
				if err := printRecord(cmd.OutOrStdout(), c.dirs[t], r, inv); err != nil {
					return err
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "the manifests, as JSON")
	return command
}

func printRecord(out io.Writer, dir string, r record.Record, inv inventory.Inventory) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "record\t%s\n", nameOf(r))
	for _, a := range r.Artifacts {
		fmt.Fprintf(w, "artifact\t%s\n", a)
	}
	fmt.Fprintf(w, "system\t%s, %s\n", inv.System, inv.Kernel)
	fmt.Fprintf(w, "base\t%s\n", r.Base)
	fmt.Fprintf(w, "definition\t%s\n", r.Definition)
	if r.Revision != "" {
		fmt.Fprintf(w, "revision\t%s\n", r.Revision)
	}
	fmt.Fprintf(w, "built\t%s, in %.1f s, by worker-images %s and packer %s\n", r.Began.UTC().Format("2006-01-02 15:04:05 UTC"), r.Took, r.Tool, r.Packer)
	fmt.Fprintf(w, "inventory\t%d packages, %d services, %d files\n", len(inv.Packages), len(inv.Services), len(inv.Files))
	for _, s := range r.Steps {
		fmt.Fprintf(w, "step\t%6.1f s  %s\n", s.Took, s.Name)
	}
	fmt.Fprintf(w, "page\t%s\n", filepath.Join(dir, record.PageFile))
	return w.Flush()
}

func nameOf(r record.Record) string {
	return record.Ref{Image: r.Image, Version: r.Version, Target: r.Target}.String()
}

func (p *program) newRecordVerifyCommand() *cobra.Command {
	var keys []string
	command := &cobra.Command{
		Use:   "verify RECORD",
		Short: "Check that a record is whole, unchanged, and whose it is",
		Long: "Check a record, or those of all targets of a version: that no file is missing, changed or added,\n" +
			"that the signature is of these checksums, and that the ledger, where it has the build, has this\n" +
			"record. With --key it must be signed by that key; without, the signature is checked against the\n" +
			"key that the record brings along, which anybody could have made.\n\n" + recordHelp,
		Example: "  worker-images record verify debian-12-worker-amd64/20261108 --key signing.pub.pem",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var trusted []ed25519.PublicKey
			for _, path := range keys {
				key, err := record.LoadPublicKey(path)
				if err != nil {
					return err
				}
				trusted = append(trusted, key)
			}
			c, err := p.choose(args[0])
			if err != nil {
				return err
			}
			l, err := ledger.Load(filepath.Join(p.folder, ledger.FileName))
			if err != nil {
				return err
			}
			var errs []error
			for _, t := range c.targets {
				errs = append(errs, verifyRecord(cmd.OutOrStdout(), l, c.dirs[t], trusted))
			}
			return errors.Join(errs...)
		},
	}
	command.Flags().StringArrayVar(&keys, "key", nil, "a public key, a PEM `file`, that may have signed it; may be repeated")
	return command
}

// verifyRecord checks one record and tells what is known of it.
func verifyRecord(out io.Writer, l *ledger.Ledger, dir string, trusted []ed25519.PublicKey) error {
	v, err := record.Verify(dir, trusted...)
	if err != nil {
		return err
	}
	r, _, err := record.Read(dir)
	if err != nil {
		return err
	}
	known, err := inLedger(l, r, v.Digests)
	if err != nil {
		return fmt.Errorf("record %s: %w", dir, err)
	}
	text := "not signed"
	switch {
	case v.Signed && len(trusted) > 0:
		text = "signed by the key " + record.Fingerprint(v.Key)
	case v.Signed:
		text = "signed by the key that it brings along, " + record.Fingerprint(v.Key) + " (--key says whose it must be)"
	}
	fmt.Fprintf(out, "%s: whole, %s, %s\n", nameOf(r), text, known)
	return nil
}

// inLedger compares a record with what the ledger says of its build.
func inLedger(l *ledger.Ledger, r record.Record, d record.Digests) (string, error) {
	builds := l.Find(r.Image, r.Version, r.Target)
	if len(builds) == 0 {
		return "not in the ledger", nil
	}
	if !slices.ContainsFunc(builds, func(b *ledger.Build) bool { return b.Sums == d.Sums && b.SBOM == d.SBOM }) {
		return "", fmt.Errorf("the ledger has another record of %s: its checksums are %s, and should be %s", nameOf(r), d.Sums, builds[0].Sums)
	}
	return "as in the ledger", nil
}

func newRecordKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "key FILE",
		Short: "Make a key that signs records",
		Long: "Make an ed25519 key that signs records, in a FILE that only its owner may read, and print its public\n" +
			"part, with which records are verified. A file that is there stays.",
		Example: "  worker-images record key signing.pem > signing.pub.pem",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			public, err := record.NewKey(args[0])
			if err != nil {
				return err
			}
			text, err := record.PublicPEM(public)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
