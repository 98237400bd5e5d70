package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	cache    string
	bin      string
	images   string
	image    string
	disk     string
	boots    string
	keep     string
	patience time.Duration

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
	flag.StringVar(&o.disk, "disk", "", "boot this disk (qcow2) and build none")
	flag.StringVar(&o.boots, "boots", strings.Join(bootNames(), ","), "which boots, with commas between; none only builds")
	flag.StringVar(&o.keep, "keep", "", "leave disk, logs and consoles in that `folder`")
	flag.DurationVar(&o.patience, "patience", 4*time.Minute, "how `long` a machine may take for each step")
	flag.Parse()
	for _, path := range []*string{&o.cache, &o.bin, &o.images, &o.disk} { // packer runs in another folder
		if full, err := filepath.Abs(*path); err == nil && *path != "" {
			*path = full
		}
	}
	return o
}

// run goes into a network of its own first: the metadata services have an address there that
// would be somebody else's outside, and no guest reaches anything.
func run(ctx context.Context, o options) error {
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	if os.Getenv(insideVariable) == "" {
		if err := prerequisites(o); err != nil {
			return err
		}
		if err := makeBase(ctx, o.cache); err != nil { // this alone needs the network
			return err
		}
		return inside(ctx)
	}
	if err := network(ctx); err != nil {
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

// prove builds the disk and boots it.
func prove(ctx context.Context, o options, chosen []boot, dir string) (err error) {
	if o.accelerator, err = accelerator(ctx, o, dir); err != nil {
		return err
	}
	disk := o.disk
	if disk == "" {
		if disk, err = buildImage(ctx, o, dir); err != nil {
			return err
		}
	}
	for _, b := range chosen {
		if err := proveBoot(ctx, b, o, disk, dir); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	say("all is proven: %d boots", len(chosen))
	return nil
}

// chosen are the boots of --boots.
func (o options) chosen() ([]boot, error) {
	var some []boot
	if o.boots == "none" {
		return nil, nil
	}
	for name := range strings.SplitSeq(o.boots, ",") {
		i := slices.IndexFunc(boots(), func(b boot) bool { return b.name == name })
		if i < 0 {
			return nil, fmt.Errorf("--boots: there is no %q, only %s", name, strings.Join(bootNames(), ", "))
		}
		some = append(some, boots()[i])
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
