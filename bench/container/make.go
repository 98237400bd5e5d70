package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/isolated"
)

const (
	imageName = "bench.test/image:latest"
	makerName = "bench.test/maker:latest"
	// artifact is where an image of makerName has an image.
	artifact = "image.tar"
)

// makeImage imports an image with busybox and loggen, and one with that image in an archive.
func (b *bench) makeImage(ctx context.Context) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return errors.New("there is no busybox: install busybox-static")
	}
	files := map[string]string{"bin/busybox": busybox, "bin/true": busybox, "bin/loggen": filepath.Join(isolated.Bin, "loggen")}
	if err := b.load(ctx, imageName, files); err != nil {
		return err
	}
	found, err := b.API.ImageInspect(ctx, imageName)
	if err != nil {
		return err
	}
	b.image = found.ID
	saved, err := b.API.ImageSave(ctx, []string{imageName})
	if err != nil {
		return err
	}
	text, err := io.ReadAll(saved)
	path := filepath.Join(b.dir, artifact)
	if err = errors.Join(err, saved.Close()); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return err
	}
	files[artifact] = path
	return b.load(ctx, makerName, files)
}

// load imports an image of files by their paths in it.
func (b *bench) load(ctx context.Context, name string, files map[string]string) error {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for path, from := range files {
		text, err := os.ReadFile(from)
		if err == nil {
			err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o755, Size: int64(len(text))})
		}
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	reply, err := b.API.ImageImport(ctx, client.ImageImportSource{Source: &out, SourceName: "-"}, name, client.ImageImportOptions{Changes: []string{"ENV PATH=/bin"}})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, reply)
	return errors.Join(err, reply.Close())
}
