// Command dryrun measures dry runs of worker-images, of the three clouds in parallel and of one,
// against plain packer with the same rendered folder and the same played clouds. What is left over
// is the tool's own. It needs packer 1.6 and sshd.
package main

import (
	"bytes"
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

	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	n := flag.Int("n", 5, "how many `rounds`")
	bin := flag.String("bin", "bin", "the `folder` with the programs")
	image := flag.String("image", "debian-12-worker-amd64", "the `image` to build")
	images := flag.String("images", "images", "the `folder` of the definitions")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dryRuns(ctx, *n, *bin, *images, *image)
	stop()
	if err != nil {
		measure.Exit(err)
	}
}

func dryRuns(ctx context.Context, n int, bin, images, image string) (err error) {
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "workerkit-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	three := bench{bin: bin, images: images, image: image, targets: []string{"aws", "gcp", "azure"}, dir: filepath.Join(dir, "three")}
	one := bench{bin: bin, images: images, image: image, targets: []string{"aws"}, dir: filepath.Join(dir, "one")}
	if err := three.measure(ctx, "dry run, three clouds", n); err != nil {
		return fmt.Errorf("three clouds: %w", err)
	}
	if err := one.measure(ctx, "dry run, one cloud", n); err != nil {
		return fmt.Errorf("one cloud: %w", err)
	}
	return nil
}

// bench is an image to build for some targets.
type bench struct {
	bin, images, image string
	targets            []string
	dir                string
}

// measure builds by the tool and by packer in turns, so that a busy machine is unfair to neither.
func (b bench) measure(ctx context.Context, name string, n int) error {
	sources, err := b.render(ctx)
	if err != nil {
		return err
	}
	var whole, plain, stands, own []time.Duration
	for range n {
		tool, err := timed(func() error { return b.tool(ctx) })
		if err != nil {
			return err
		}
		stand, packers, err := b.plain(ctx, sources)
		if err != nil {
			return err
		}
		whole, plain, stands = append(whole, tool), append(plain, packers), append(stands, stand)
		own = append(own, tool-stand-packers)
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
	measure.Spread(name, whole, seconds)
	measure.Spread(name+": plain packer", plain, seconds)
	measure.Spread(name+": the played clouds' start and end", stands, seconds)
	measure.Spread(name+": the tool's own", own, seconds)
	return nil
}

func timed(do func() error) (time.Duration, error) {
	began := time.Now()
	err := do()
	return time.Since(began), err
}

// command is a command of worker-images for the targets.
func (b bench) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(args, "--images", b.images, "--allow-imdsv1", "--target", strings.Join(b.targets, ","))
	return exec.CommandContext(ctx, filepath.Join(b.bin, "worker-images"), args...) //nolint:gosec // ours
}

// tool makes a dry run.
func (b bench) tool(ctx context.Context) error {
	out, err := b.command(ctx, "build", b.image, "--dry-run", "--output", filepath.Join(b.dir, "tool")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// rendered is the folder that plain packer builds from.
func (b bench) rendered() string { return filepath.Join(b.dir, "rendered") }

// render writes what packer builds from, and returns the source of each target.
func (b bench) render(ctx context.Context) (map[string]string, error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, err
	}
	command := b.command(ctx, "render", b.image, b.rendered())
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("render: %w\n%s", err, said.Bytes())
	}
	sources := map[string]string{}
	for line := range strings.Lines(string(out)) { // aws: packer build … -only=linux.amazon-ebs.image .
		target, command, _ := strings.Cut(line, ": ")
		_, only, found := strings.Cut(command, "-only=")
		if found {
			sources[target] = strings.Fields(only)[0]
		}
	}
	return sources, nil
}

// plain builds with packer alone, once for each target at the same time, and tells how long that
// took and how long the played clouds took to start and to end.
func (b bench) plain(ctx context.Context, sources map[string]string) (stands, packers time.Duration, err error) {
	dir, err := os.MkdirTemp(b.dir, "plain-")
	if err != nil {
		return 0, 0, err
	}
	var s *stand
	started, err := timed(func() error { s, err = open(ctx, b.bin, filepath.Join(dir, "clouds")); return err })
	if err != nil {
		return 0, 0, err
	}
	packers, err = timed(func() error {
		all, ctx := errgroup.WithContext(ctx)
		for target, source := range sources {
			all.Go(func() error { return b.packer(ctx, s, source, filepath.Join(dir, target)) })
		}
		return all.Wait()
	})
	ended, closed := timed(s.close)
	return started + ended, packers, errors.Join(err, closed)
}

func (b bench) packer(ctx context.Context, s *stand, source, output string) error {
	if err := os.MkdirAll(output, 0o700); err != nil {
		return err
	}
	args := []string{"build", "-color=false", "-only=" + source, "-var-file=image.pkrvars.hcl", "-var", "output=" + output}
	cmd := exec.CommandContext(ctx, "packer", append(append(args, s.variables(b.targets)...), ".")...) //nolint:gosec // packer
	cmd.Dir, cmd.Env = b.rendered(), append(os.Environ(), s.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("packer: %w\n%s", err, out)
	}
	return nil
}
