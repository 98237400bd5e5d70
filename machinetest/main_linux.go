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

	"github.com/workerkit/workerkit/internal/debian"
	"github.com/workerkit/workerkit/local/proof"
)

// options are the command line.
type options struct {
	cache, nfpm, parts, only, keep string
	patience                       time.Duration
}

func main() {
	o := flags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "machinetest:", err)
		os.Exit(1)
	}
}

func flags() options {
	var o options
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	flag.StringVar(&o.cache, "cache", filepath.Join(cache, "workerkit-machinetest"), "the `folder` where the Debian base is kept")
	flag.StringVar(&o.nfpm, "nfpm", "bin/tools/nfpm", "the `program` that makes packages")
	flag.StringVar(&o.parts, "parts", "", "give the machine this `file` that an earlier run with --keep has made, and make none")
	flag.StringVar(&o.only, "only", strings.Join(groupNames(), ","), "which groups of steps, or steps, with commas between")
	flag.StringVar(&o.keep, "keep", "", "leave the console and what the machine was given in that `folder`")
	flag.DurationVar(&o.patience, "patience", 10*time.Minute, "how `long` the machine may take for anything")
	flag.Parse()
	if o.parts == "" {
		return o
	}
	if full, err := filepath.Abs(o.parts); err == nil {
		o.parts = full
	}
	return o
}

// run makes what needs the network outside, or the compiler, and goes into a network of its own.
func run(ctx context.Context, o options) error {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	dir, err := o.folder()
	if err != nil {
		return err
	}
	if !proof.Inside() {
		if err := prepare(ctx, o, dir); err != nil {
			return err
		}
		if err := os.Setenv(folderVariable, dir); err != nil {
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
	if err := prove(ctx, o, chosen, dir); err != nil {
		return fmt.Errorf("%w (files: %s)", err, dir)
	}
	if o.keep == "" {
		return os.RemoveAll(dir)
	}
	return nil
}

// folderVariable has the folder for this program in its own network.
const folderVariable = "MACHINETEST_FOLDER"

// folder is where all files go: --keep, or one that goes when all is proven.
func (o options) folder() (string, error) {
	if dir := os.Getenv(folderVariable); dir != "" {
		return dir, nil
	}
	if o.keep == "" {
		return os.MkdirTemp("", "machinetest-")
	}
	dir, err := filepath.Abs(o.keep)
	return dir, errors.Join(err, os.MkdirAll(dir, 0o700))
}

// prepare makes the base, and what the machine is given.
func prepare(ctx context.Context, o options, dir string) error {
	if os.Geteuid() != 0 {
		return errors.New("only root can make a Debian disk")
	}
	missing := debian.Missing()
	for program, in := range map[string]string{"qemu-system-x86_64": "qemu-system-x86", "ssh": "openssh-client"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, in)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("please install (Debian's names): %s", strings.Join(slices.Compact(missing), " "))
	}
	if err := base().Make(ctx, o.cache, step); err != nil {
		return err
	}
	if o.parts != "" {
		return nil
	}
	began := time.Now()
	if err := makeParts(ctx, o.nfpm, dir); err != nil {
		return err
	}
	step("packages and test programs", began)
	return nil
}

// prove boots the machine and takes the steps.
func prove(ctx context.Context, o options, chosen []testStep, dir string) (err error) {
	began := time.Now()
	accelerator, err := proof.Probe(ctx, base().Disk(o.cache), filepath.Join(dir, "probe"))
	if err != nil {
		return err
	}
	step("processors: "+accelerator, began)
	s, err := openSite(ctx, o, accelerator, dir)
	if err != nil {
		return err
	}
	defer s.close()
	for _, one := range chosen {
		began := time.Now()
		if err := one.take(ctx, s); err != nil {
			s.keepJournal(ctx)
			return fmt.Errorf("%s: %w", one.name, err)
		}
		step(one.name, began)
	}
	say("all is proven: %d steps", len(chosen))
	return nil
}

// say prints a line with the time.
func say(format string, args ...any) {
	fmt.Printf(time.Now().Format("15:04:05.0 ")+format+"\n", args...)
}

// step says how long something took.
func step(name string, began time.Time) { say("%s: %.1f s", name, time.Since(began).Seconds()) }
