package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/pools"
)

// deletedPool is the provider of a pool that is being deleted.
const deletedPool = "null-provider"

// poolRun changes worker pools, one after the other.
type poolRun struct {
	flags         poolFlags
	manager       tc.Pools
	keep          pools.Folder
	now           func() time.Time
	out, warnings io.Writer
	shown         []poolShown // for JSON
}

// workerManager is that of the environment.
func workerManager() (tc.Pools, error) {
	root := strings.TrimRight(os.Getenv("TASKCLUSTER_ROOT_URL"), "/")
	if root == "" {
		return tc.Pools{}, errors.New("TASKCLUSTER_ROOT_URL is not set: it is the deployment's URL")
	}
	if u, err := url.Parse(root); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return tc.Pools{}, errors.New("TASKCLUSTER_ROOT_URL must be a URL such as https://tc.example.com")
	}
	c := tc.Credentials{
		ClientID: os.Getenv("TASKCLUSTER_CLIENT_ID"), AccessToken: secret.New(os.Getenv("TASKCLUSTER_ACCESS_TOKEN")),
		Certificate: secret.New(os.Getenv("TASKCLUSTER_CERTIFICATE")),
	}
	if c.ClientID == "" || c.AccessToken.Reveal() == "" {
		return tc.Pools{}, errors.New("no credentials: set TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN, as `taskcluster signin` does")
	}
	policy := retry.Policy{Total: 30 * time.Second} // somebody waits
	return tc.New(root, tc.NewHTTP(), policy).Pools(tc.Fixed(c)), nil
}

// ledger reads the ledger.
func (p *program) ledger() (*ledger.Ledger, error) {
	return ledger.Load(filepath.Join(p.folder, ledger.FileName))
}

// poolImages finds in the ledger which version of the image is meant.
func (p *program) poolImages(name string, c poolChoice) (pools.Images, error) {
	l, err := p.ledger()
	if err != nil {
		return pools.Images{}, err
	}
	if len(l.Find(name, c.version, "")) == 0 {
		return pools.Images{}, unknownBuild(l, name, c.version, "")
	}
	version, err := pools.Pick(l, name, c.version, c.channel)
	if err != nil {
		return pools.Images{}, err
	}
	return pools.Images{Name: name, Version: version, Project: os.Getenv("GOOGLE_CLOUD_PROJECT"), Ledger: l}, nil
}

// all changes pools; those that use the image when none is named. What fails for one keeps no
// other from its turn.
func (r *poolRun) all(ctx context.Context, images pools.Images, o pools.Options, ids []string) error {
	var definitions []pools.Definition
	var errs []error
	if len(ids) == 0 {
		list, err := r.using(ctx, images, o)
		if err != nil {
			return err
		}
		definitions = list
	}
	for _, id := range ids {
		d, err := pools.Read(ctx, r.manager, id)
		if err != nil {
			errs = append(errs, fmt.Errorf("pool %s: %w", id, explain(ctx, r.manager, err, id, "")))
			continue
		}
		definitions = append(definitions, d)
	}
	if err := checkLaunches(o.Launches, definitions); err != nil && len(errs) == 0 {
		return err
	}
	for _, d := range definitions {
		if ctx.Err() != nil {
			errs = append(errs, context.Cause(ctx))
			break
		}
		if err := r.one(ctx, d, images, o); err != nil {
			errs = append(errs, fmt.Errorf("pool %s: %w", d.Pool, err))
		}
	}
	return errors.Join(append(errs, r.finish())...)
}

// using lists the pools that use an image of ours.
func (r *poolRun) using(ctx context.Context, images pools.Images, o pools.Options) ([]pools.Definition, error) {
	all, err := r.manager.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w; pools that are named need not be listed", explain(ctx, r.manager, err, "", ""))
	}
	var known, found []pools.Definition
	for _, data := range all {
		d, err := pools.Decode(data)
		if err != nil {
			return nil, err
		}
		if d.Provider == deletedPool {
			continue
		}
		known = append(known, d)
		if c, err := pools.Make(d, images, o); err != nil || c.Ours > 0 {
			found = append(found, d)
		}
	}
	if err := checkLaunches(o.Launches, known); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no worker pool has an image of %s: for the first time, name the pool and --all, or --replace with the image it has", images.Name)
	}
	return found, nil
}

// checkLaunches wants every launch config that is named in one of the pools.
func checkLaunches(wanted []string, definitions []pools.Definition) error {
	var known []string
	for _, d := range definitions {
		known = append(known, d.LaunchIDs()...)
	}
	for _, id := range wanted {
		if !slices.Contains(known, id) {
			var near []string
			if one, ok := nearest.Name(id, known); ok {
				near = []string{one}
			}
			return unknown("launch config", id, near, "")
		}
	}
	return nil
}

// one changes one pool.
func (r *poolRun) one(ctx context.Context, d pools.Definition, images pools.Images, o pools.Options) error {
	c, err := pools.Make(d, images, o)
	if err != nil {
		return err
	}
	if c.Ours == 0 {
		return fmt.Errorf("it has no image of %s to replace: for the first time, use --all, or --replace with the image it has%s", images.Name, have(c.Alone))
	}
	return r.change(ctx, c, images.Name+" "+images.Version)
}

// have names the images that a pool has.
func have(alone []pools.Alone) string {
	var images []string
	for _, a := range alone {
		for _, image := range a.Images {
			if !slices.Contains(images, image) {
				images = append(images, image)
			}
		}
	}
	if len(images) == 0 {
		return ""
	}
	return ": " + strings.Join(images, ", ")
}

// change shows a change, and applies it if that is wanted.
func (r *poolRun) change(ctx context.Context, c pools.Change, to string) error {
	s := poolShown{Pool: c.Former.Pool, Definition: c.Next, Alone: c.Alone, Digest: c.Digest(), Changes: !c.Empty()}
	retired, err := pools.Retire(ctx, r.manager, c)
	s.Retired = retired
	if err != nil {
		s.unknown = explain(ctx, r.manager, err, s.Pool, c.Former.Provider)
	}
	if len(r.flags.expect) > 0 && s.Changes && !slices.Contains(r.flags.expect, s.Digest) {
		r.show(c, s, to)
		return errors.New(c.Since(r.flags.expect))
	}
	if r.flags.yes && s.Changes {
		if s.Kept, err = pools.Apply(ctx, r.manager, c, r.keep, r.now()); err != nil {
			return explain(ctx, r.manager, err, s.Pool, c.Next.Provider)
		}
	}
	r.show(c, s, to)
	return nil
}

// rollback gives a pool a definition that it had.
func (r *poolRun) rollback(ctx context.Context, id, to string, force bool, l *ledger.Ledger) error {
	kept, err := r.kept(id, to)
	if err != nil {
		return err
	}
	if kept.Note != "" {
		fmt.Fprintln(r.warnings, "worker-images:", kept.Note)
	}
	now, err := pools.Read(ctx, r.manager, id)
	if err != nil {
		return fmt.Errorf("pool %s: %w", id, explain(ctx, r.manager, err, id, ""))
	}
	c := pools.Back(now, kept.Definition)
	if !force && !c.Empty() {
		if err := r.mayRollBack(c, l); err != nil {
			return fmt.Errorf("pool %s: %w", id, err)
		}
	}
	if err := r.change(ctx, c, "the definition in "+kept.File); err != nil {
		return fmt.Errorf("pool %s: %w", id, err)
	}
	return r.finish()
}

func (r *poolRun) kept(id, file string) (pools.Kept, error) {
	if file != "" {
		return pools.Open(file, id)
	}
	kept, err := r.keep.Newest(id)
	if errors.Is(err, pools.ErrNothingKept) {
		err = fmt.Errorf("%w: name another place with --keep-folder, or a file with --to", err)
	}
	return kept, err
}

// mayRollBack wants the pool as it was left, and no image that was revoked or deleted.
func (r *poolRun) mayRollBack(c pools.Change, l *ledger.Ledger) error {
	left, err := r.keep.Left(c.Former.Pool)
	switch {
	case err != nil && !errors.Is(err, pools.ErrNothingKept):
		return err
	case left == "":
		return errors.New("it is not known how the pool was left here: look at the diff with --force")
	case left != c.Former.Digest():
		return fmt.Errorf("somebody else has changed the pool at %s: look at the diff with --force", c.Former.LastModified)
	}
	if err := c.Next.Usable(l); err != nil {
		return fmt.Errorf("the former definition has an image that must not be used: %w: --force uses it all the same", err)
	}
	return nil
}
