package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/plan"
	"github.com/workerkit/workerkit/packer/record"
)

// timeVersion is the form of a version that nobody has named: the time of the build. With it the
// longest name of an image still fits into what Google allows.
const timeVersion = "20060102150405"

// recorder records what a build makes.
type recorder struct {
	program  *program
	image    packer.Image
	version  string
	run      string
	revision string
	packer   string
	steps    map[packer.Target]plan.Step
	key      ed25519.PrivateKey // nil: not signed
	lines    []build.Line
}

// buildAndRecord builds what has to be built, and enters it in the ledger.
func (p *program) buildAndRecord(cmd *cobra.Command, image packer.Image, o order, b build.Options) error {
	steps, err := p.due(cmd, image, o.force)
	if err != nil || len(steps) == 0 {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(image.Targets), func(t packer.Target) bool { _, ok := steps[t]; return !ok })
	image = image.For(left...)
	r := &recorder{program: p, image: image, steps: steps, run: newRun(), revision: revision(cmd.Context(), p.folder)}
	if o.version == "" {
		o.version = time.Now().UTC().Format(timeVersion)
	}
	r.version = o.version
	if err := r.unused(); err != nil {
		return err
	}
	if o.key != "" {
		if r.key, err = record.LoadKey(o.key); err != nil {
			return err
		}
	}
	if b, err = p.prepare(cmd, image, o.recipe, b); err != nil {
		return err
	}
	r.packer = b.Packer.Version
	b.Variables["run"], b.Own = r.run, map[packer.Target]map[string]string{}
	for t, step := range steps {
		b.Own[t] = map[string]string{"definition": step.Definition}
	}
	b.Progress = func(l build.Line) { r.lines = append(r.lines, l) }
	results, err := runPacker(cmd.Context(), cmd.OutOrStdout(), b)
	for _, result := range results {
		err = errors.Join(err, r.keep(cmd, result))
	}
	return err
}

// due plans the image and returns what has to be built; what has not is said.
func (p *program) due(cmd *cobra.Command, image packer.Image, force bool) (map[packer.Target]plan.Step, error) {
	planner, err := p.planner()
	if err != nil {
		return nil, err
	}
	steps, err := planner.Make([]packer.Image{image})
	if err != nil {
		return nil, err
	}
	due := map[packer.Target]plan.Step{}
	var blocked []error
	for _, s := range steps {
		switch {
		case s.Build || force:
			due[s.Target] = s
			fmt.Fprintf(cmd.OutOrStdout(), "%s: build: %s\n", s.Target, s.Why)
		case s.Blocked:
			blocked = append(blocked, fmt.Errorf("build: %s: blocked: %s (--force builds it all the same)", s.Target, s.Why))
		default:
			fmt.Fprintf(cmd.OutOrStdout(), "%s: skipped: %s; --force builds it all the same\n", s.Target, s.Why)
		}
	}
	if len(blocked) > 0 {
		return nil, errors.Join(blocked...)
	}
	return due, nil
}

// newRun is the id of a build: it is on all that the build makes in a cloud, so it is of letters
// and digits that each of them allows.
func newRun() string {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// unused makes sure that the build can be recorded, before it costs anything.
func (r *recorder) unused() error {
	known, err := r.program.ledger()
	if err != nil {
		return err
	}
	for _, t := range r.image.Targets {
		if len(known.Find(r.image.Name, r.version, t)) > 0 {
			return fmt.Errorf("build: %s %s is in the ledger already: name another --image-version", r.image.Name, r.version)
		}
	}
	there, err := record.List(r.program.records)
	if err != nil {
		return err
	}
	for _, ref := range there {
		if ref.Image == r.image.Name && ref.Version == r.version && slices.Contains(r.image.Targets, ref.Target) {
			return fmt.Errorf("build: there is a record of %s already, in %s: name another --image-version", r.version, ref.Dir(r.program.records))
		}
	}
	return nil
}

// keep writes the record of a build, and enters it in the ledger: what was built is in both or,
// said so, in neither.
func (r *recorder) keep(cmd *cobra.Command, result build.Result) error {
	step := r.steps[result.Target]
	made, inv, err := record.New(record.Source{
		Image: r.image, Version: r.version, Run: r.run, Definition: step.Definition, Parts: step.Parts,
		Revision: r.revision, Packer: r.packer, Result: result, Lines: r.lines,
	})
	ref := record.Ref{Image: r.image.Name, Version: r.version, Target: result.Target}
	var digests record.Digests
	if err == nil {
		digests, err = record.Write(ref.Dir(r.program.records), made, inv, result.Log, r.key)
	}
	if err == nil {
		entry := ledger.Build{
			Image: r.image.Name, Version: r.version, Target: result.Target, Made: made.Began.UTC(), Run: r.run, Artifacts: made.Artifacts,
			Definition: step.Definition, Parts: maps.Clone(step.Parts), Base: made.Base, Revision: r.revision, Sums: digests.Sums, SBOM: digests.SBOM,
		}
		for _, t := range inv.Tests {
			entry.Tests = append(entry.Tests, ledger.Test{Name: t.Name, Passed: t.Passed, At: inv.Taken.UTC()})
		}
		// The image is there: an interrupt must not keep it out of the ledger.
		ctx := context.WithoutCancel(cmd.Context())
		if err = ledger.Update(ctx, r.program.ledgerPath(), func(l *ledger.Ledger) error { return l.Add(entry) }); err != nil {
			err = errors.Join(err, os.RemoveAll(ref.Dir(r.program.records)))
		}
	}
	if err != nil {
		found := ""
		if result.Target != packer.QEMU {
			found = "; prune --unknown finds it"
		}
		return fmt.Errorf("build: %s: the image was built (log: %s%s) but is not in the ledger: %w", result.Target, result.Log, found, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: recorded as %s, in %s\n", result.Target, r.version, ref.Dir(r.program.records))
	return nil
}
