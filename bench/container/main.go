// Command container measures tasks in containers, with Docker and with Podman, each started for it in
// namespaces of its own: a task that does nothing against docker run of the same image, an image that
// is there already, and how fast what a command prints is stored. It needs root and what the engines'
// tests need: docker.io and iptables, podman, conmon and runc, busybox-static, and Docker's command line.
//
//	make build && sudo go run ./bench/container -n 10
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
	"strings"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/docker/dockertest"
	"github.com/workerkit/workerkit/internal/isolated"
)

// options are the flags.
type options struct {
	n, mib  int
	engines string
	bin     string
	delay   time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 10, "how many `tasks`, and as many of what they are compared with; 0 leaves them out")
	flag.IntVar(&o.mib, "mib", 256, "how many `MiB` a command prints")
	flag.StringVar(&o.engines, "engines", "docker,podman", "which")
	flag.StringVar(&o.bin, "bin", "bin", "the `folder` with the programs")
	flag.DurationVar(&o.delay, "delay", 8*time.Millisecond, "how `long` every reply of the services is held back")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := outside
	if isolated.Entered() {
		run = inside
	}
	if err := run(ctx, o); err != nil {
		measure.Exit(fmt.Errorf("container: %w", err))
	}
}

// outside runs this program again in namespaces of its own, with the programs and bench/loggen.
func outside(ctx context.Context, o options) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "workerkit-container-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "loggen"), "./bench/loggen")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build bench/loggen: %w: %s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(o.bin, "*-*")) // each has a hyphen in its name
	if err != nil {
		return err
	}
	args := append([]string{filepath.Join(isolated.Bin, filepath.Base(self))}, os.Args[1:]...)
	cmd, err := dockertest.Command(append(files, self, filepath.Join(dir, "loggen")), append(args, "-bin", isolated.Bin)...)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

func inside(ctx context.Context, o options) error {
	for label := range strings.SplitSeq(o.engines, ",") {
		if err := measureEngine(ctx, label, o); err != nil {
			return fmt.Errorf("%s: %w", label, err)
		}
	}
	return nil
}

// bench is one engine with its image.
type bench struct {
	options
	*docker.Engine
	label string
	dir   string
	image string // its id
}

// measureEngine measures one engine, which ends with it.
func measureEngine(ctx context.Context, label string, o options) (err error) {
	dir, err := os.MkdirTemp("", "container-")
	if err != nil {
		return err
	}
	d, e, err := dockertest.Start(ctx, label, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close(), d.Close()) }()
	b := &bench{options: o, Engine: e, label: label, dir: dir}
	if err := b.makeImage(ctx); err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	if b.n > 0 {
		if err := b.noop(ctx); err != nil {
			return err
		}
	}
	for _, terminal := range []bool{true, false} {
		if err := b.output(ctx, terminal); err != nil {
			return err
		}
	}
	return nil
}
