package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/render"
)

// trial is one image that packer looks at, for one target.
type trial struct {
	image  packer.Image
	target packer.Target
	dir    string // where it is rendered
}

// validateTemplates renders the images, and has packer look at what came of it: at each image
// that was asked for by its name; else at one of each kind, since a run of packer takes half a
// second. Where there is no packer a line on out says so, unless a certain one is wanted.
func (p *program) validateTemplates(ctx context.Context, out io.Writer, images []packer.Image, r recipe, none, named bool) (err error) {
	var found build.Packer
	if !none {
		if found, err = build.Find(ctx, r.packer); err != nil {
			if r.packer != "" || ctx.Err() != nil {
				return err
			}
			fmt.Fprintf(out, "worker-images: note: templates were not validated: %v\n", err)
			none = true
		}
	}
	scratch, err := os.MkdirTemp("", "worker-images-")
	if err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if r.programs, err = standIns(scratch); err != nil {
		return err
	}
	r.allowIMDSv1 = true // whether one may be built is not the question here
	trials, warnings, err := p.trials(scratch, found.Version, images, r, named)
	if err != nil || none {
		return err
	}
	if slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "imds_support") }) {
		fmt.Fprintf(out, "worker-images: note: packer %s cannot have an AWS image require IMDSv2: build and render refuse it without --allow-imdsv1\n", found.Version)
	}
	return p.tryAll(ctx, found, scratch, trials, r)
}

// standIns makes empty programs: packer only looks whether they are there.
func standIns(scratch string) (string, error) {
	dir := filepath.Join(scratch, "programs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("validate: %w", err)
	}
	for _, name := range []string{"start-worker", "generic-worker", "start-worker.exe", "generic-worker.exe"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			return "", fmt.Errorf("validate: %w", err)
		}
	}
	return dir, nil
}

// trials renders all images in memory, and chooses what packer is to look at.
func (p *program) trials(scratch, packerVersion string, images []packer.Image, r recipe, each bool) ([]trial, []string, error) {
	rendered := make([]map[string]string, len(images))
	warnings := make([][]string, len(images))
	err := errors.Join(parallel(len(images), func(i int) (err error) {
		rendered[i], warnings[i], err = render.Files(images[i], images[i].Targets, p.renderOptions(packerVersion, "", r, nil))
		return err
	})...)
	if err != nil {
		return nil, nil, err
	}
	var trials []trial
	seen := map[string]bool{}
	for i, image := range images {
		for _, t := range image.Targets {
			if kind := kindOf(rendered[i], image, t); each || !seen[kind] {
				seen[kind] = true
				trials = append(trials, trial{image, t, filepath.Join(scratch, fmt.Sprint(i))})
			}
		}
	}
	return trials, distinct(warnings), nil
}

// setting is a variable at the start of a line, and whether it is a flag.
var setting = regexp.MustCompile(`(?m)^([a-z_]+)\s*= (true|false)?`)

// kindOf is the same for two images in which packer meets the same: the same template, with the
// same of its variables set. Texts in them do not count: their form was checked with the
// definition.
func kindOf(files map[string]string, image packer.Image, t packer.Target) string {
	var kind strings.Builder
	kind.WriteString(render.Source(image, t) + "\n" + files[string(t)+".pkr.hcl"])
	for _, m := range setting.FindAllStringSubmatch(files[render.VariablesFile], -1) {
		if strings.HasPrefix(m[1], string(t)+"_") {
			kind.WriteString(m[1] + "=" + m[2] + "\n")
		}
	}
	return kind.String()
}

// tryAll has packer validate, as many at once as there are processors. A problem that is not of a
// target, such as plugins that cannot be fetched, is reported once.
func (p *program) tryAll(ctx context.Context, found build.Packer, scratch string, trials []trial, r recipe) error {
	written := map[string]bool{}
	for _, t := range trials {
		if written[t.dir] {
			continue
		}
		written[t.dir] = true
		if _, err := p.renderFor(found.Version, t.dir, t.image, t.image, r, nil); err != nil {
			return err
		}
		// Nobody needs secrets to see whether a template is right.
		if err := os.RemoveAll(filepath.Join(t.dir, render.SecretsFile)); err != nil {
			return fmt.Errorf("validate: %w", err)
		}
	}
	errs := parallel(len(trials), func(i int) error { return try(ctx, found, scratch, trials[i]) })
	if ctx.Err() != nil {
		return fmt.Errorf("validate: %w: %w", build.ErrInterrupted, context.Cause(ctx))
	}
	var all []error
	for _, err := range errs {
		if err != nil && !slices.ContainsFunc(all, func(said error) bool { return said.Error() == err.Error() }) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// try has packer validate one image for one target, without an account anywhere.
func try(ctx context.Context, found build.Packer, scratch string, t trial) error {
	var said []string
	o := build.Options{
		Packer: found, Image: t.image, Targets: []packer.Target{t.target}, Dir: t.dir, Output: filepath.Join(scratch, "out"),
		Env: append(os.Environ(),
			"AWS_ACCESS_KEY_ID=stand-in", "AWS_SECRET_ACCESS_KEY=stand-in", "AWS_EC2_METADATA_DISABLED=true",
			"ARM_SUBSCRIPTION_ID="+nobody, "ARM_TENANT_ID="+nobody, "ARM_CLIENT_ID="+nobody, "ARM_CLIENT_SECRET=stand-in",
			"WORKER_IMAGES_SSH_PASSWORD=stand-in"),
		Variables: map[string]string{},
		Progress:  func(l build.Line) { said = append(said, l.Text) },
	}
	if t.target == packer.GCP {
		o.Variables[projectVariable], o.Variables["gcp_account_file"] = "stand-in", ""
	}
	err := build.Validate(ctx, o)
	failed, ok := errors.AsType[*build.TargetError](err)
	switch {
	case err == nil:
		return nil
	case !ok || failed.Target == "":
		return err
	}
	return fmt.Errorf("%s: %s: %w: %s", t.image.Name, t.target, failed.Err, strings.Join(complaints(said), "; "))
}

const nobody = "00000000-0000-0000-0000-000000000000"

// maxComplaints is how much of what packer says is enough to know what is wrong.
const maxComplaints = 5

var (
	complaint = regexp.MustCompile(`^(?:Error: |\* )(.+)$`)
	count     = regexp.MustCompile(`^[0-9]+ error\(s\) occurred:$`)
	where     = regexp.MustCompile(`^\s*on (\S+ line [0-9]+)`)
)

// complaints are what packer finds wrong, each with its place; when it says nothing of the kind,
// the last that it says.
func complaints(said []string) []string {
	var all []string
	placed := 0
	for _, line := range said {
		if m := complaint.FindStringSubmatch(line); m != nil && !count.MatchString(m[1]) {
			all = append(all, m[1])
		}
		if m := where.FindStringSubmatch(line); m != nil {
			for ; placed < len(all); placed++ {
				all[placed] += " (" + m[1] + ")"
			}
		}
	}
	if len(all) == 0 {
		return said[max(0, len(said)-3):]
	}
	if more := len(all) - maxComplaints; more > 0 {
		all = append(all[:maxComplaints], fmt.Sprintf("and %d more", more))
	}
	return all
}
