// Command render measures `worker-images render --all`: 100 images of 4 targets each, from their
// definitions to folders that packer can build from. It is the whole program, with a packer that
// only tells its version.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	bin := flag.String("bin", "bin", "the `folder` with the programs")
	images := flag.String("images", "images", "the `folder` of the definitions to make many of")
	n := flag.Int("n", 10, "how many `times`")
	flag.Parse()
	if err := bench(context.Background(), *bin, *images, *n); err != nil {
		measure.Exit(err)
	}
}

// copies of debian-12.hcl, which has two architectures and four targets.
const copies = 50

func bench(ctx context.Context, bin, images string, n int) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	for _, place := range places() {
		if err := series(ctx, filepath.Join(bin, "worker-images"), images, place, n); err != nil {
			return err
		}
	}
	return nil
}

// place is a folder to measure in.
type place struct{ name, dir string }

func places() []place {
	all := []place{{"on disk", os.TempDir()}}
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		all = append([]place{{"in memory", "/dev/shm"}}, all...)
	}
	return all
}

// series renders into new folders, then into one that holds the same already. Beside it stands
// what the file system takes for as many files.
func series(ctx context.Context, program, images string, p place, n int) (err error) {
	dir, err := os.MkdirTemp(p.dir, "bench-render-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	if err := prepare(dir, images); err != nil {
		return err
	}
	var fresh, again, bare []time.Duration
	files := 0
	for i := range n {
		out := filepath.Join(dir, fmt.Sprint("out", i))
		for _, times := range []*[]time.Duration{&fresh, &again} {
			begin := time.Now()
			cmd := exec.CommandContext(ctx, program, "render", "--all", out, "--images", filepath.Join(dir, "images"), "--packer", filepath.Join(dir, "packer"))
			if text, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, text)
			}
			*times = append(*times, time.Since(begin))
		}
		took, count, err := rewrite(out, filepath.Join(dir, "bare"))
		if err != nil {
			return err
		}
		bare, files = append(bare, took), count
		for _, gone := range []string{out, filepath.Join(dir, "bare")} {
			if err := os.RemoveAll(gone); err != nil {
				return err
			}
		}
	}
	what := fmt.Sprintf("%d images x 4 targets rendered %s", 2*copies, p.name)
	measure.Spread(what, fresh, measure.Milliseconds)
	measure.Spread(what+", unchanged", again, measure.Milliseconds)
	measure.Spread(fmt.Sprintf("those %d files alone %s", files, p.name), bare, measure.Milliseconds)
	return nil
}

// prepare makes the definitions, and the packer.
func prepare(dir, images string) error {
	if err := os.Mkdir(filepath.Join(dir, "images"), 0o700); err != nil {
		return err
	}
	shared, err := os.ReadFile(filepath.Join(images, "linux.hcl"))
	if err != nil {
		return err
	}
	image, err := os.ReadFile(filepath.Join(images, "debian-12.hcl"))
	if err != nil {
		return err
	}
	files := map[string]string{"images/linux.hcl": string(shared)}
	for i := range copies {
		name := fmt.Sprintf("debian-%d", i)
		files["images/"+name+".hcl"] = strings.ReplaceAll(string(image), "debian-12-worker", name)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "packer"), []byte("#!/bin/sh\necho Packer v1.11.2\n"), 0o700) //nolint:gosec // a program
}

// rewrite makes the same files elsewhere, one after another, and returns how long that took and
// how many there are.
func rewrite(from, to string) (time.Duration, int, error) {
	type file struct {
		name string
		text []byte // nil for a folder
	}
	var all []file
	count := 0
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil || entry.IsDir() {
			all = append(all, file{name: name})
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, file{name, text})
		count++
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	for _, f := range all {
		name := filepath.Join(to, f.name)
		if f.text == nil {
			err = os.Mkdir(name, 0o700)
		} else {
			err = os.WriteFile(name, f.text, 0o600)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return time.Since(begin), count, nil
}
