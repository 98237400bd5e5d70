package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/local/proof"
)

// options are the command line.
type options struct {
	cache    string
	bin      string
	images   string
	records  string
	image    string
	disk     string
	as       string
	only     string
	keep     string
	patience string

	accelerator string // of QEMU, as the probe found
}

func main() {
	o := flags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "imagetest:", err)
		os.Exit(1)
	}
}

func flags() options {
	var o options
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	flag.StringVar(&o.cache, "cache", filepath.Join(cache, "workerkit-imagetest"), "the `folder` where the Debian base is kept")
	flag.StringVar(&o.bin, "bin", "bin", "the `folder` with the programs")
	flag.StringVar(&o.images, "images", "images", "the `folder` of the definitions")
	flag.StringVar(&o.image, "image", "debian-12-worker-amd64", "the `image` that is built")
	flag.StringVar(&o.disk, "disk", "", "prove this disk (qcow2) and build none")
	flag.StringVar(&o.as, "as", strings.Join(proof.Places(), ","), "where the disk boots, with commas between")
	flag.StringVar(&o.only, "only", strings.Join(partNames(), ","), "which parts after the build, with commas between; none only builds")
	flag.StringVar(&o.keep, "keep", "", "leave disk, logs and consoles in that `folder`")
	flag.StringVar(&o.patience, "patience", "4m", "how `long` a machine may take for each step")
	flag.Parse()
	for _, path := range []*string{&o.cache, &o.bin, &o.images, &o.disk} { // packer runs in another folder
		if full, err := filepath.Abs(*path); err == nil && *path != "" {
			*path = full
		}
	}
	return o
}

// run goes into a network of its own, so that the build cannot use the one outside.
func run(ctx context.Context, o options) error {
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	if !proof.Inside() {
		if err := prerequisites(o); err != nil {
			return err
		}
		if err := base().Make(ctx, o.cache, step); err != nil { // this alone needs the network
			return err
		}
	}
	inside, err := proof.Isolate(ctx)
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(1) // it has said why
	}
	if err != nil || !inside {
		return err
	}
	dir, err := o.folder()
	if err != nil {
		return err
	}
	if err := prove(ctx, o, chosen, dir); err != nil {
		return fmt.Errorf("%w (files: %s)", err, dir)
	}
	if o.keep == "" {
		return os.RemoveAll(dir)
	}
	return nil
}

// part is a part of the proof that has a disk.
type part struct {
	name  string
	prove func(ctx context.Context, o options, disk, dir string) error
}

func parts() []part {
	return []part{{"test", proveGood}, {"broken", proveBroken}, {"planted", provePlanted}}
}

func partNames() []string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}

// proveGood tests the disk as it was built, everywhere.
func proveGood(ctx context.Context, o options, disk, dir string) error {
	return must(ctx, o, nil, "test", o.image, "--as", o.as, "--disk", disk, "--output", filepath.Join(dir, "out"), "--patience", o.patience)
}

// prove builds the disk and has all parts look at it.
func prove(ctx context.Context, o options, chosen []part, dir string) (err error) {
	// What is built here belongs into no ledger but the proof's own.
	definitions, own := os.DirFS(o.images), filepath.Join(dir, "images")
	if err := errors.Join(os.RemoveAll(own), os.CopyFS(own, definitions), os.RemoveAll(filepath.Join(own, "images.ledger.json"))); err != nil {
		return err
	}
	o.images, o.records = own, filepath.Join(dir, "records")
	if err := os.RemoveAll(o.records); err != nil { // of an earlier run with --keep
		return err
	}
	began := time.Now()
	if o.accelerator, err = proof.Probe(ctx, base().Disk(o.cache), filepath.Join(dir, "probe")); err != nil {
		return err
	}
	step("processors: "+o.accelerator, began)
	disk := o.disk
	if disk == "" {
		began = time.Now()
		if disk, err = buildImage(ctx, o, filepath.Join(dir, "out")); err != nil {
			return err
		}
		step("build", began)
	}
	for _, p := range chosen {
		began := time.Now()
		if err := p.prove(ctx, o, disk, dir); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		step(p.name, began)
	}
	say("all is proven: %s", o.only)
	return nil
}

// chosen are the parts of --only.
func (o options) chosen() ([]part, error) {
	var some []part
	if o.only == "none" {
		return nil, nil
	}
	for name := range strings.SplitSeq(o.only, ",") {
		i := slices.IndexFunc(parts(), func(p part) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("--only: there is no %q, only %s", name, strings.Join(partNames(), ", "))
		}
		some = append(some, parts()[i])
	}
	return some, nil
}

// folder is where all files go: --keep, or one that goes when all is proven.
func (o options) folder() (string, error) {
	if o.keep == "" {
		return os.MkdirTemp("", "imagetest-")
	}
	dir, err := filepath.Abs(o.keep)
	return dir, errors.Join(err, os.MkdirAll(dir, 0o700))
}

// say prints a line with the time.
func say(format string, args ...any) {
	fmt.Printf(time.Now().Format("15:04:05.0 ")+format+"\n", args...)
}

// step says how long something took.
func step(name string, began time.Time) { say("%s: %.1f s", name, time.Since(began).Seconds()) }
