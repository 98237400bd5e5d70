package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// workerImages runs the program as a user would, shows what it prints, and returns that and its
// exit code.
func workerImages(ctx context.Context, o options, env []string, args ...string) (printed string, code int, err error) {
	args = append([]string{"--images", o.images, "--records", o.records, "--var", "disks=" + o.cache}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(o.bin, "worker-images"), args...) //nolint:gosec // ours
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", 0, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return "", 0, err
	}
	var all strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Println("   ", lines.Text())
		all.WriteString(lines.Text() + "\n")
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return "", 0, context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return all.String(), exit.ExitCode(), nil
	}
	return all.String(), 0, err
}

// must runs worker-images, which must succeed.
func must(ctx context.Context, o options, env []string, args ...string) error {
	_, code, err := workerImages(ctx, o, env, args...)
	if err == nil && code != 0 {
		err = fmt.Errorf("worker-images %s: exit code %d", args[0], code)
	}
	return err
}

// mustFail runs worker-images, which must fail and say why, in each of the texts.
func mustFail(ctx context.Context, o options, env []string, why []string, args ...string) (string, error) {
	printed, code, err := workerImages(ctx, o, env, args...)
	if err != nil {
		return "", err
	}
	if code != 1 {
		return "", fmt.Errorf("worker-images %s: exit code %d of a disk that must fail", args[0], code)
	}
	for _, text := range why {
		if !strings.Contains(printed, text) {
			return "", fmt.Errorf("worker-images %s failed, but does not say %q", args[0], text)
		}
	}
	return printed, nil
}
