// Package build runs packer on a rendered image: for all targets at once, with a log for each
// in which no secret is readable, and says what came out.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/mask"
	"github.com/workerkit/workerkit/packer/render"
)

// Options say what to build, and how.
type Options struct {
	Packer  Packer // as Find returns it
	Image   packer.Image
	Targets []packer.Target
	// Dir is what render.Render wrote for the image and the targets.
	Dir string
	// Output is a folder for what comes out. Each target has a folder in it with log and
	// manifest; what an earlier build left there is removed, its disk only once there is a new
	// one. Only the owner reads the log.
	Output string
	// Env is packer's environment; nil is that of this process. What it says of credentials is
	// masked in logs (see Credentials).
	Env []string
	// Secrets are more of what no log may show.
	Secrets []secret.String
	// Variables are values for the templates, by name, that do not belong into the rendered
	// folder, such as run.
	Variables map[string]string
	// Own are more of them, of one target each; they win.
	Own map[packer.Target]map[string]string
	// Rehearsal has each target begin at once: in clouds that are played nothing is lost when
	// another target turns out to be invalid.
	Rehearsal bool
	// Progress is called with each line that packer prints, one call at a time. It may be nil.
	Progress func(Line)
	// Grace is how long packer may clean up after an interrupt; ten minutes when zero.
	Grace time.Duration
}

// Line is a line of packer's output, without secrets and without what steers a terminal.
type Line struct {
	Target packer.Target
	Step   string // "validate", "build"
	Time   time.Time
	Text   string
}

// Result is what the build for a target left.
type Result struct {
	Target    packer.Target
	Artifacts []Artifact
	Files     []File // on this machine
	Log       string // path
	Inventory string // path of what is in the image; there is no such file where the build takes none
	Began     time.Time
	Took      time.Duration
}

// Run validates the image for all targets and, when all are valid, builds it for them, at the
// same time. A single target is validated by its build, before that starts anything. A target that
// fails does not stop the others. The results are those of the targets that were built; the error
// has a *TargetError for each other one. When ctx ends packer is interrupted, and Run returns when
// it has cleaned up, or was killed after Grace. Until then the process does not end by SIGINT or
// SIGTERM: such a signal kills packer.
//
// A local disk's base needs a login. Unless a variable gives one, cloud-init of the base is given a
// key that is made for this one build.
func Run(ctx context.Context, o Options) (_ []Result, err error) {
	r, err := newRun(ctx, o)
	if err != nil {
		return nil, err
	}
	if needsSeed(r.Options) {
		remove, seedErr := r.seed()
		defer func() { err = errors.Join(err, remove()) }()
		if seedErr != nil {
			return nil, fmt.Errorf("build: qemu: %w", seedErr)
		}
	}
	if len(r.Targets) > 1 && !r.Rehearsal {
		if _, err := r.each(ctx, r.validate); err != nil {
			return nil, err
		}
	}
	return r.each(ctx, r.build)
}

// Validate has packer check the image for all targets, and the environment for what the build
// needs of it. Nothing is built and no cloud is asked.
func Validate(ctx context.Context, o Options) error {
	r, err := newRun(ctx, o)
	if err != nil {
		return err
	}
	_, err = r.each(ctx, r.validate)
	return err
}

// run is one run of packer for each target.
type run struct {
	Options
	env    []string
	masker *mask.Masker

	mu sync.Mutex // held while Progress is called
}

func newRun(ctx context.Context, o Options) (*run, error) {
	if o.Packer.Path == "" {
		return nil, errors.New("build: which packer? (see Find)")
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Minute
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	if o.Output, err = filepath.Abs(o.Output); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	values, err := secrets(filepath.Join(o.Dir, render.SecretsFile), o.Env)
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	hidden := slices.Concat(o.Secrets, Credentials(o.Env), queries(o.Image))
	env := append(slices.Clone(o.Env), "CHECKPOINT_DISABLE=1", "PACKER_NO_COLOR=1")
	if len(values) > 0 {
		for _, v := range values {
			hidden = append(hidden, v)
		}
		env = append(env, "PKR_VAR_secrets="+expression(values))
	}
	r := &run{Options: o, env: env, masker: mask.New(hidden...)}
	return r, r.initialise(ctx)
}

// each does the same for all targets and waits for all.
func (r *run) each(ctx context.Context, do func(context.Context, packer.Target) (Result, error)) ([]Result, error) {
	results := make([]Result, len(r.Targets))
	errs := make([]error, len(r.Targets))
	var wg sync.WaitGroup
	for i, t := range r.Targets {
		wg.Go(func() { results[i], errs[i] = do(ctx, t) })
	}
	wg.Wait()
	var good []Result
	for i, err := range errs {
		if err == nil {
			good = append(good, results[i])
		}
	}
	return good, errors.Join(errs...)
}

func (r *run) validate(ctx context.Context, t packer.Target) (Result, error) {
	// Packer's qemu builder finds fault with the output of an earlier build.
	nowhere := filepath.Join(r.Output, string(t), ".none")
	return Result{Target: t}, r.packer(ctx, t, "validate", nil, r.args(t, "validate", nowhere))
}

func (r *run) build(ctx context.Context, t packer.Target) (Result, error) {
	output := filepath.Join(r.Output, string(t))
	result := Result{Target: t, Log: filepath.Join(output, "build.log"), Inventory: filepath.Join(output, "inventory.txt")}
	fail := func(err error) (Result, error) {
		if known, ok := errors.AsType[*TargetError](err); ok {
			known.Log = result.Log
			return result, err
		}
		return result, &TargetError{Target: t, Log: result.Log, Err: err}
	}
	if err := clean(output); err != nil {
		return fail(err)
	}
	former, err := setAside(output)
	if err != nil {
		return fail(err)
	}
	if err := r.make(ctx, t, output, &result); err != nil {
		return fail(errors.Join(err, former.restore()))
	}
	if err := former.remove(); err != nil {
		return fail(err)
	}
	return result, nil
}

// make runs packer and reads what it says came out.
func (r *run) make(ctx context.Context, t packer.Target, output string, result *Result) error {
	log, err := os.OpenFile(result.Log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	result.Began = time.Now()
	err = r.packer(ctx, t, "build", log, r.args(t, "build", output))
	result.Took = time.Since(result.Began)
	if err := errors.Join(err, log.Close()); err != nil {
		return err
	}
	result.Artifacts, result.Files, err = manifest(filepath.Join(output, "manifest.json"), render.Builder(t))
	return err
}

// clean removes what an earlier build left, but for its disk, and makes the folder.
func clean(output string) error {
	for _, name := range []string{"build.log", "manifest.json", "inventory.txt"} {
		if err := os.RemoveAll(filepath.Join(output, name)); err != nil {
			return err
		}
	}
	return os.MkdirAll(output, 0o755) //nolint:gosec // the log in it is owner-only
}
