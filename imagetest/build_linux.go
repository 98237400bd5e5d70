package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// buildImage has worker-images build the image from the base, and returns the disk.
func buildImage(ctx context.Context, o options, out string) (string, error) {
	err := must(ctx, o, []string{
		"PKR_VAR_qemu_accelerator=" + o.accelerator, "PKR_VAR_qemu_ssh_private_key_file=" + base().Key(o.cache),
		"PACKER_CACHE_DIR=" + filepath.Join(out, "packer_cache"),
	}, "build", o.image, "--target", "qemu", "--output", out, "--image-version", "test")
	if err != nil {
		return "", err
	}
	disk := filepath.Join(out, "qemu", "disk", o.image+".qcow2")
	built, err := os.Stat(disk)
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	base, err := os.Stat(base().Disk(o.cache))
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	say("build: the disk has %.1f MB, %.1f MB more than its base; both are compressed", megabytes(built.Size()), megabytes(built.Size()-base.Size()))
	return disk, nil
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }
