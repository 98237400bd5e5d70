package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/packer"
	cloudapi "github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/record"
	"github.com/workerkit/workerkit/packer/retain"
)

// doomed is a ledger with one build, whose two images are to be deleted.
type doomed struct {
	program *program
	plan    []pruned
	deletes func(id string) error // what the cloud does; nil deletes
	gone    map[string]bool
}

func newDoomed(t *testing.T) *doomed {
	t.Helper()
	d := &doomed{program: &program{folder: t.TempDir()}, gone: map[string]bool{}}
	b := ledger.Build{
		Image: "linux", Version: "1", Target: packer.AWS, Definition: "d",
		Artifacts: []record.Artifact{{Region: "a", ID: "ami-a"}, {Region: "b", ID: "ami-b"}},
	}
	if err := ledger.Save(d.program.ledgerPath(), &ledger.Ledger{Builds: []ledger.Build{b}}); err != nil {
		t.Fatal(err)
	}
	var all []cloudapi.Image
	for _, a := range b.Artifacts {
		all = append(all, cloudapi.Image{Region: a.Region, ID: a.ID, Image: "linux"})
	}
	cloud := cloudapi.OfFunctions(nil, func(context.Context) (left []cloudapi.Image, _ error) {
		for _, i := range all {
			if !d.gone[i.ID] {
				left = append(left, i)
			}
		}
		return left, nil
	}, nil, func(_ context.Context, i cloudapi.Image) error {
		if d.deletes != nil {
			return d.deletes(i.ID)
		}
		d.gone[i.ID] = true
		return nil
	}, nil, nil)
	for _, i := range all {
		d.plan = append(d.plan, pruned{Verdict: retain.Verdict{Image: i, Build: &b}, target: packer.AWS, cloud: cloud})
	}
	return d
}

// marked tells whether the ledger has the build as deleted.
func (d *doomed) marked(t *testing.T) bool {
	t.Helper()
	l, err := d.program.ledger()
	if err != nil {
		t.Fatal(err)
	}
	return l.Builds[0].Deleted != nil
}

// TestMarkedBeforeItGoes: whenever the program dies, no image has gone that the ledger has.
func TestMarkedBeforeItGoes(t *testing.T) {
	d := newDoomed(t)
	d.deletes = func(id string) error {
		if !d.marked(t) {
			t.Errorf("%s goes, and the ledger has it as usable", id)
		}
		return nil
	}
	if err := d.program.deleteAll(t.Context(), io.Discard, d.plan, true); err != nil || !d.marked(t) {
		t.Errorf("marked %t, %v", d.marked(t), err)
	}
}

// TestTheMarkIsTrue: after a failure the build is as it was only when all of it is still there.
func TestTheMarkIsTrue(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		deletes func(d *doomed, stop context.CancelFunc, id string) error
		marked  bool
	}{
		"nothing goes": {func(*doomed, context.CancelFunc, string) error { return broken }, false},
		"one goes": {func(d *doomed, _ context.CancelFunc, id string) error {
			if d.gone["ami-a"] {
				return broken
			}
			d.gone[id] = true
			return nil
		}, true},
		"only snapshots are left": {func(d *doomed, _ context.CancelFunc, id string) error { d.gone[id] = true; return broken }, true},
		"an interrupt":            {func(_ *doomed, stop context.CancelFunc, _ string) error { stop(); return broken }, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoomed(t)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			d.deletes = func(id string) error { return c.deletes(d, stop, id) }
			if err := d.program.deleteAll(ctx, io.Discard, d.plan, true); !errors.Is(err, broken) || d.marked(t) != c.marked {
				t.Errorf("marked %t, %v", d.marked(t), err)
			}
		})
	}
}

// TestAnEarlierMarkStays: what a prune that was killed has begun is not usable again.
func TestAnEarlierMarkStays(t *testing.T) {
	d := newDoomed(t)
	before := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	if err := ledger.Update(t.Context(), d.program.ledgerPath(), func(l *ledger.Ledger) error { l.Builds[0].Deleted = &before; return nil }); err != nil {
		t.Fatal(err)
	}
	d.deletes = func(string) error { return errors.New("broken") }
	if err := d.program.deleteAll(t.Context(), io.Discard, d.plan, true); err == nil || !d.marked(t) {
		t.Errorf("marked %t, %v", d.marked(t), err)
	}
}

// TestPromotedMeanwhile: between the plan and the deletion somebody else may need the build.
func TestPromotedMeanwhile(t *testing.T) {
	d := newDoomed(t)
	err := ledger.Update(t.Context(), d.program.ledgerPath(), func(l *ledger.Ledger) error {
		return l.Promote(ledger.Promotion{Image: "linux", Version: "1", Channel: "beta"})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = d.program.deleteAll(t.Context(), io.Discard, d.plan, true)
	if err == nil || !strings.Contains(err.Error(), "by now it is in channel beta") || len(d.gone) > 0 || d.marked(t) {
		t.Errorf("gone are %v: %v", d.gone, err)
	}
}

// TestNoLedgerToWrite: what cannot be noted is not done.
func TestNoLedgerToWrite(t *testing.T) {
	d := newDoomed(t)
	if err := os.Mkdir(filepath.Join(d.program.folder, "."+ledger.FileName+".lock"), 0o700); err != nil { // in the way
		t.Fatal(err)
	}
	if err := d.program.deleteAll(t.Context(), io.Discard, d.plan, true); err == nil || len(d.gone) > 0 {
		t.Errorf("gone are %v: %v", d.gone, err)
	}
}
