// Command onarm64 runs the tests of packages as programs for Linux on arm64, under QEMU's emulation of
// one process: `make test-arm64`.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"github.com/workerkit/workerkit/platformtest/qemu"
	"github.com/workerkit/workerkit/platformtest/suite"
)

// unsuited says which packages and tests cannot work under emulation, and why.
//
//go:embed exceptions.txt
var unsuited string

func main() { suite.Main("onarm64", start) }

func start(ctx context.Context) error {
	var o suite.Options
	o.Flags(10 * time.Minute)
	flag.Parse()
	if missing := qemu.Missing(); missing != "" {
		return errors.New(missing)
	}
	without, err := suite.Parse(unsuited)
	if err != nil {
		return fmt.Errorf("exceptions.txt: %w", err)
	}
	patterns := flag.Args()
	if len(patterns) == 0 {
		patterns = everything()
	}
	dir, err := os.MkdirTemp("", "onarm64-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	overlay, err := qemu.Overlay(ctx, dir)
	if err != nil {
		return err
	}
	build := append(qemu.Go(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay) // also of what tests build
	return o.Test(ctx, os.Stdout, suite.Platform{
		Name: "qemu-user",
		Env:  build,
		Path: func(path string) string { return path },
		Command: func(ctx context.Context, extra []string, program string, args ...string) *exec.Cmd {
			return qemu.Command(ctx, append(slices.Clip(build), extra...), program, args...)
		},
		Without:  without,
		Parallel: min(2, runtime.NumCPU()),
	}, patterns)
}

// everything is what a machine with Linux runs.
func everything() []string {
	return []string{"./internal/...", "./providers/...", "./runner/...", "./worker/...", "./local/...", "./packer/...", "./cmd/..."}
}
