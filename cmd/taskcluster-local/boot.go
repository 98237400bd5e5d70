package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/local/proof"
)

// booting is the command line of boot.
type booting struct {
	proof.Options
	keep, asJSON bool
}

func newBootCommand() *cobra.Command {
	var b booting
	command := &cobra.Command{
		Use:   "boot DISK --as aws|gcp|azure|static",
		Short: "Boot the disk of an image in QEMU, and prove that it becomes a worker",
		Long: "Boot the disk of a finished image in QEMU, in an emulated cloud or, as a static machine, with a\n" +
			"provider file. It must register, claim a task, run it, upload, obey the announcement that it goes\n" +
			"away, and switch itself off. Nothing of the disk changes. An image that boots and never claims is\n" +
			"an error with what the machine last asked and the end of its console.\n\n" +
			"It needs Linux, qemu-system-x86_64 and qemu-img; as static also debugfs. All runs in a network of\n" +
			"its own, which takes root or user namespaces. /dev/kvm is used where the disk boots with it.",
		Example: "  taskcluster-local boot out/debian-12-worker-amd64/qemu/disk/debian-12-worker-amd64.qcow2 --as gcp",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.Disk = args[0]
			return b.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringVar(&b.As, "as", "", "where it boots: aws, gcp, azure or static")
	flags.StringVar(&b.Dir, "data", "", "a `folder` in which console and logs stay; a temporary one when empty, kept when the disk fails")
	flags.BoolVar(&b.keep, "keep", false, "keep the temporary folder also of a disk that is proven")
	flags.BoolVar(&b.asJSON, "json", false, "print the result as JSON on standard output, and the steps on standard error")
	flags.DurationVar(&b.Patience, "patience", 4*time.Minute, "how `long` the machine may take for each step")
	flags.StringVar(&b.Accelerator, "accelerator", "", "QEMU's: kvm or tcg; found out when empty")
	return command
}

// run boots the disk, in a network of its own.
func (b *booting) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := b.check(); err != nil {
		return err
	}
	inside, err := proof.Isolate(ctx)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &exitError{code: max(exit.ExitCode(), 1)} // it has said why
	}
	if err != nil {
		return fmt.Errorf("boot: %w", err)
	}
	if !inside {
		return nil
	}
	temporary := b.Dir == "" && !b.keep
	if b.Dir == "" {
		if b.Dir, err = os.MkdirTemp("", "taskcluster-local-boot-"); err != nil {
			return fmt.Errorf("boot: %w", err)
		}
	}
	lines := stdout
	if b.asJSON {
		lines = stderr
	}
	b.Progress = func(s proof.Step) { fmt.Fprintf(lines, "%7.2f s  %s\n", s.At, withDetail(s)) }
	result, err := proof.Run(ctx, b.Options)
	if err == nil && temporary {
		err = os.RemoveAll(b.Dir)
		result.Files = ""
	}
	if b.asJSON {
		return errors.Join(err, json.NewEncoder(stdout).Encode(result))
	}
	report(stdout, stderr, result)
	return err
}

func (b *booting) check() error {
	for _, place := range proof.Places() {
		if b.As != place {
			continue
		}
		if _, err := os.Stat(b.Disk); err != nil {
			return fmt.Errorf("boot: %w", err)
		}
		return nil
	}
	return &exitError{code: exitMisused, err: fmt.Errorf("boot: --as must be one of aws, gcp, azure, static, not %q", b.As)}
}

// exitMisused is the exit code of a command line that is wrong.
const exitMisused = 2

func withDetail(s proof.Step) string {
	if s.Detail == "" {
		return s.Name
	}
	return s.Name + ": " + s.Detail
}

// report says in words what came of the boot.
func report(stdout, stderr io.Writer, r proof.Result) {
	for _, line := range r.Console {
		fmt.Fprintln(stderr, "  |", line)
	}
	if r.Verdict != proof.Proven {
		return
	}
	fmt.Fprintf(stdout, "proven as %s in %.1f s (%s)", r.As, r.Took, r.Accelerator)
	if r.Network > 0 {
		fmt.Fprintf(stdout, "; first claim %.2f s after the guest's network", r.ClaimAfterNetwork)
	}
	fmt.Fprintln(stdout)
}
