package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
)

// result is what came of a test of a disk.
type result struct {
	name   string
	passed bool
	at     time.Time
	took   time.Duration
	detail string
}

// conclude shows the results in a table and notes them in the ledger. It is an error that one
// failed.
func (p *program) conclude(ctx context.Context, out io.Writer, image packer.Image, disk string, results []result) error {
	if len(results) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var failed []string
	for _, r := range results {
		word := "passed"
		if !r.passed {
			word, failed = "FAILED", append(failed, r.name)
		}
		fmt.Fprintf(table, "%s\t%s\t%.1f s\t%s\n", r.name, word, r.took.Seconds(), r.detail)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	version, err := p.note(ctx, image.Name, disk, results)
	switch {
	case err != nil:
	case version == "":
		fmt.Fprintln(out, "the ledger does not have this disk, so it gets no results")
	default:
		fmt.Fprintf(out, "the ledger has the results, at %s %s\n", image.Name, version)
	}
	if failed != nil {
		err = errors.Join(fmt.Errorf("%s: failed: %s", image.Name, strings.Join(failed, ", ")), err)
	}
	return err
}

// note adds the results to the build in the ledger that has made the disk, which its digest
// tells. The version is empty when there is none.
func (p *program) note(ctx context.Context, image, disk string, results []result) (version string, err error) {
	path := filepath.Join(p.folder, ledger.FileName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	digest, err := sum(disk)
	if err != nil {
		return "", err
	}
	known, err := ledger.Load(path)
	if err != nil {
		return "", err
	}
	for _, b := range known.Find(image, "", packer.QEMU) {
		for _, a := range b.Artifacts {
			if a.SHA256 == digest {
				version = b.Version
			}
		}
	}
	if version == "" {
		return "", nil
	}
	return version, ledger.Update(ctx, path, func(l *ledger.Ledger) error {
		for _, r := range results {
			// What was tested is this disk; the other targets' images are built alike, not tested.
			if err := l.AddTest(image, version, packer.QEMU, ledger.Test{Name: r.name, Passed: r.passed, At: r.at.UTC(), Detail: r.detail}); err != nil {
				return err
			}
		}
		return nil
	})
}

// sum is the sha256 of a file.
func sum(path string) (string, error) {
	file, err := os.Open(path) //nolint:gosec // the command line's
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
