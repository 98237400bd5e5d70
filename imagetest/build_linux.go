package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// buildImage has worker-images build the image from the base, and returns the disk.
func buildImage(ctx context.Context, o options, dir string) (string, error) {
	began := time.Now()
	out := filepath.Join(dir, "out")
	cmd := exec.CommandContext(ctx, filepath.Join(o.bin, "worker-images"), "--images", o.images, "--var", "disks="+o.cache, //nolint:gosec // ours
		"build", o.image, "--target", "qemu", "--output", out, "--image-version", "test")
	cmd.Env = append(os.Environ(), "PKR_VAR_qemu_accelerator="+o.accelerator, "PKR_VAR_qemu_ssh_private_key_file="+filepath.Join(o.cache, keyName), "PACKER_CACHE_DIR="+filepath.Join(dir, "packer_cache"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	printed, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	show(printed)
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("build %s: %w", o.image, err)
	}
	step("build", began)
	disk := filepath.Join(out, "qemu", "disk", o.image+".qcow2")
	built, err := os.Stat(disk)
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	base, err := os.Stat(filepath.Join(o.cache, baseName))
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	say("build: the disk has %.1f MB, %.1f MB more than its base; both are compressed", megabytes(built.Size()), megabytes(built.Size()-base.Size()))
	return disk, nil
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// show prints what the build prints.
func show(printed io.Reader) {
	lines := bufio.NewScanner(printed)
	for lines.Scan() {
		fmt.Println("   ", lines.Text())
	}
}
