package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/render"
)

// renderAll renders all images, as many at once as there are processors. It goes on after one
// that fails, and reports all.
func (p *program) renderAll(cmd *cobra.Command, dir string, r recipe) error {
	images, err := p.load()
	if err != nil {
		return err
	}
	if images, err = narrow(images, r.targets, false); err != nil {
		return err
	}
	found, err := build.Find(cmd.Context(), r.packer)
	if err != nil {
		return err
	}
	warnings := make([][]string, len(images))
	errs := parallel(len(images), func(i int) (err error) {
		warnings[i], err = p.renderInto(found.Version, filepath.Join(dir, images[i].Name), images[i], r)
		return err
	})
	warn(cmd, distinct(warnings))
	for i, image := range images {
		if errs[i] == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s for %s\n", image.Name, filepath.Join(dir, image.Name), join(image.Targets))
		}
	}
	return errors.Join(append(errs, noteStale(cmd, dir, images))...)
}

// renderInto renders one image with paths that begin in its folder. Without programs that were
// named, packer looks for them in the folder "programs" where it runs, as the templates say.
func (p *program) renderInto(packerVersion, dir string, image packer.Image, r recipe) ([]string, error) {
	from := func(name string) (string, error) {
		whole, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		own, err := filepath.Abs(dir)
		if err != nil {
			return "", err
		}
		if relative, err := filepath.Rel(own, whole); err == nil {
			return filepath.ToSlash(relative), nil
		}
		return whole, nil // on another drive
	}
	var err error
	if r.programs != "" {
		if r.programs, err = from(r.programs); err != nil {
			return nil, fmt.Errorf("find the programs: %w", err)
		}
	}
	base := image.Bases[packer.QEMU]
	if base.Disk, err = local(base.Disk, from); err != nil {
		return nil, err
	}
	return p.renderFor(packerVersion, dir, withBase(image, packer.QEMU, base), image, r, nil)
}

// noteStale names folders that an image left which is no longer there.
func noteStale(cmd *cobra.Command, dir string, images []packer.Image) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for images that are gone: %w", err)
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if slices.ContainsFunc(images, func(i packer.Image) bool { return i.Name == e.Name() }) {
			continue
		}
		if _, err := os.Stat(filepath.Join(name, render.VariablesFile)); err == nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "worker-images: note: %s is not of one of these images: remove it if its image is gone\n", name)
		}
	}
	return nil
}

// parallel does n things, as many at once as there are processors, and returns the error of each.
func parallel(n int, do func(i int) error) []error {
	errs := make([]error, n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return errs
}

// distinct is each text once, in the order in which they first come.
func distinct(lists [][]string) []string {
	var all []string
	for _, list := range lists {
		for _, text := range list {
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	return all
}
