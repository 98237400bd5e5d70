package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	cloudapi "github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/retain"
)

// deleteAll deletes what may go. It goes on after one that fails, but not after an interrupt.
func (p *program) deleteAll(ctx context.Context, out io.Writer, plan []pruned, quiet bool) error {
	var failed []error
	for n := range plan {
		v := &plan[n]
		if v.Kept != "" {
			continue
		}
		if ctx.Err() != nil {
			return errors.Join(append(failed, fmt.Errorf("prune: %w", context.Cause(ctx)))...)
		}
		if err := p.deleteOne(ctx, plan, v); err != nil {
			failed = append(failed, fmt.Errorf("prune: delete %s: %w", v.Image.ID, err))
			continue
		}
		if !quiet {
			fmt.Fprintln(out, "deleted", v.target, orDash(v.Image.Region), v.Image.ID)
		}
	}
	return errors.Join(failed...)
}

// deleteOne deletes an image, once the ledger has its build as deleted. If this program ends in
// between, the next prune finds the image; that an image has gone which the ledger has as usable
// nobody would find.
func (p *program) deleteOne(ctx context.Context, plan []pruned, v *pruned) error {
	at := now()
	err := p.mark(ctx, v, func(l *ledger.Ledger, b *ledger.Build) error {
		if why := retain.InChannel(l, b); why != "" {
			return fmt.Errorf("it stays: by now it is %s", why)
		}
		if b.Deleted == nil {
			b.Deleted = &at
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err = v.cloud.Delete(ctx, v.Image); err == nil {
		v.deleted = true
		return nil
	}
	if ctx.Err() != nil || begun(plan, v) || !there(ctx, v) {
		return err
	}
	return errors.Join(err, p.mark(ctx, v, func(_ *ledger.Ledger, b *ledger.Build) error {
		if b.Deleted != nil && b.Deleted.Equal(at) { // not what an earlier prune has begun
			b.Deleted = nil
		}
		return nil
	}))
}

// mark changes the build of an image in the ledger, if it has one, whatever interrupts.
func (p *program) mark(ctx context.Context, v *pruned, change func(*ledger.Ledger, *ledger.Build) error) error {
	if v.Build == nil {
		return nil
	}
	return ledger.Update(context.WithoutCancel(ctx), p.ledgerPath(), func(l *ledger.Ledger) error {
		for _, b := range l.Find(v.Build.Image, v.Build.Version, v.target) {
			if err := change(l, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// begun tells whether an image of the same build is deleted: what is left of it is not whole.
func begun(plan []pruned, of *pruned) bool {
	return slices.ContainsFunc(plan, func(v pruned) bool { return v.target == of.target && v.Build == of.Build && v.deleted })
}

// there tells whether the cloud certainly has an image after it could not be deleted: something
// that belongs to it may be all that is left.
func there(ctx context.Context, v *pruned) bool {
	found, err := v.cloud.Images(ctx)
	return err == nil && slices.ContainsFunc(found, func(i cloudapi.Image) bool { return i.Region == v.Image.Region && i.ID == v.Image.ID })
}
