// Command image measures how long an image artifact takes, a tar.zst of 1 GiB: zstd -dc | docker load
// and docker run, against the download from a server on the loopback device, the load and a container by
// the engine's API. By turns, each into the same new dockerd, from which the image is removed in
// between; then the same image again, which is there. It needs root, docker.io, zstd and busybox-static.
//
//	sudo go run ./bench/image -n 5
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
	"syscall"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	rounds := flag.Int("n", 5, "how often to measure each")
	mib := flag.Int("mib", 1024, "how many MiB of files the image has")
	dir := flag.String("dir", "", "a `folder` on the file system to measure; the default is that of temporary files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds, *mib, *dir); err != nil {
		measure.Exit(fmt.Errorf("image: %w", err))
	}
}

func run(ctx context.Context, rounds, mib int, dir string) (err error) {
	dir, err = os.MkdirTemp(dir, "workerkit-image-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "image.tar.zst")
	if err := makeImage(ctx, dir, file, mib); err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	e, err := startEngine(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	return compare(ctx, e, rounds, dir, file)
}

func compare(ctx context.Context, e *engine, rounds int, dir, file string) error {
	var plain, ours, warm []time.Duration
	for i := range rounds {
		took, err := timed(func() error { return e.pipeline(ctx, file) })
		if err = errors.Join(err, e.remove(ctx, imageName)); err != nil {
			return fmt.Errorf("docker load: %w", err)
		}
		plain = append(plain, took)
		w, err := openWorker(e, filepath.Join(dir, fmt.Sprint("worker", i)), file)
		if err != nil {
			return err
		}
		took, again, err := w.measure(ctx)
		if err = errors.Join(err, w.close(ctx)); err != nil {
			return fmt.Errorf("ours: %w", err)
		}
		ours, warm = append(ours, took), append(warm, again...)
	}
	measure.Spread("image: zstd -dc | docker load, docker run", plain, measure.Milliseconds)
	measure.Spread("image: artifact to the end of a container", ours, measure.Milliseconds)
	measure.Row("image: artifact, ratio", fmt.Sprintf("%.2f", median(ours).Seconds()/median(plain).Seconds()), "target 1.10")
	measure.Target("image: the same image warm", warm, "5 ms", measure.Milliseconds)
	return nil
}

// timed measures what is on disk before anything else is measured.
func timed(do func() error) (took time.Duration, err error) {
	begin := time.Now()
	err = do()
	took = time.Since(begin)
	return took, errors.Join(err, exec.Command("sync").Run())
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[(len(times)-1)/2]
}
