package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
)

// boots is the part of a command line that says what is booted, and where.
type boots struct {
	as           []string
	disk, output string
	patience     time.Duration
}

// bootPlaces are where taskcluster-local boots a disk.
func bootPlaces() []string { return []string{"aws", "gcp", "azure", "static"} }

func (b *boots) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringSliceVar(&b.as, "as", bootPlaces(), "`where` it boots, one after the other")
	flags.StringVar(&b.disk, "disk", "", "the disk, a `file` in a format that qemu-img knows; what build has put into the output folder when empty")
	flags.StringVar(&b.output, "output", "", "the `folder` of the build, which gets consoles and logs; out/NAME when empty")
	flags.DurationVar(&b.patience, "patience", 4*time.Minute, "how `long` the machine may take for each step")
}

func (p *program) newBootCommand() *cobra.Command {
	var b boots
	command := &cobra.Command{
		Use:   "boot NAME",
		Short: "Boot an image's disk in emulated clouds, where it must become a worker",
		Long: "Boot the disk that build has made for the target qemu, in QEMU, on this computer: in each emulated\n" +
			"cloud, and as a static machine with a provider file. Each time it must register, claim a task, run\n" +
			"it, upload, obey the announcement that it goes away, and switch itself off. The results go to the\n" +
			"ledger when it has the build. Console and logs are in the folder boot of the output folder.\n\n" +
			"It needs Linux on amd64, QEMU, and root or user namespaces; no network. taskcluster-local does it:\n" +
			"see taskcluster-local boot --help.",
		Example: "  worker-images boot debian-12-worker-amd64 --as aws,gcp",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			image, err := b.of(p, args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			results, err := b.run(cmd.Context(), out, image)
			return errors.Join(err, p.conclude(context.WithoutCancel(cmd.Context()), out, image, b.disk, results))
		},
	}
	b.register(command)
	return command
}

// of finds the image and its disk, and fills in what is not given.
func (b *boots) of(p *program, name string) (packer.Image, error) {
	for _, place := range b.as {
		if !slices.Contains(bootPlaces(), place) {
			return packer.Image{}, unknown("place", place, nil, "There are "+strings.Join(bootPlaces(), ", ")+".")
		}
	}
	images, err := p.loadSome([]string{name})
	if err != nil {
		return packer.Image{}, err
	}
	image := images[0]
	if b.output == "" {
		b.output = filepath.Join("out", name)
	}
	if b.disk == "" {
		b.disk = filepath.Join(b.output, string(packer.QEMU), "disk", name+".qcow2")
		if _, err := os.Stat(b.disk); err != nil {
			return packer.Image{}, fmt.Errorf("%w; worker-images build %s --target qemu makes it", err, name)
		}
	}
	if _, err := os.Stat(b.disk); err != nil {
		return packer.Image{}, err
	}
	return image, nil
}

// bootResult is what taskcluster-local says of a boot.
type bootResult struct {
	Accelerator       string  `json:"accelerator"`
	Verdict           string  `json:"verdict"`
	Error             string  `json:"error"`
	Network           float64 `json:"network"`
	FirstClaim        float64 `json:"firstClaim"`
	ClaimAfterNetwork float64 `json:"claimAfterNetwork"`
	Took              float64 `json:"took"`

	Console []string `json:"console"`
}

const bootProven = "proven"

// run boots the disk in each place. That one fails is no error, but that it could not be tried is.
func (b *boots) run(ctx context.Context, out io.Writer, image packer.Image) (results []result, err error) {
	if image.Arch != "amd64" {
		return nil, fmt.Errorf("%s is for %s; only disks for amd64 can be booted here", image.Name, image.Arch)
	}
	accelerator := "" // to be found out once
	for _, place := range b.as {
		fmt.Fprintf(out, "boot as %s\n", place)
		r, err := b.boot(ctx, out, place, accelerator)
		if err != nil {
			return results, fmt.Errorf("boot as %s: %w", place, err)
		}
		accelerator = r.Accelerator
		one := result{name: "boot " + place, passed: r.Verdict == bootProven, took: time.Duration(r.Took * float64(time.Second)), at: time.Now()}
		switch {
		case !one.passed:
			one.detail = r.Error
		case r.Network > 0:
			one.detail = fmt.Sprintf("network after %.1f s, first claim %.1f s later; %s", r.Network, r.ClaimAfterNetwork, r.Accelerator)
		default:
			one.detail = fmt.Sprintf("first claim after %.1f s; %s", r.FirstClaim, r.Accelerator)
		}
		for _, line := range r.Console {
			fmt.Fprintln(out, "  |", line)
		}
		results = append(results, one)
	}
	return results, nil
}

// boot boots the disk in one place. The result has a verdict.
func (b *boots) boot(ctx context.Context, out io.Writer, place, accelerator string) (r bootResult, err error) {
	path, err := player()
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, path, "boot", b.disk, "--as", place, "--json", "--data", filepath.Join(b.output, "boot", place), //nolint:gosec // the program beside this one
		"--patience", b.patience.String(), "--accelerator", accelerator)
	ownGroup(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	var printed bytes.Buffer
	said := &indented{out: out}
	cmd.Stdout, cmd.Stderr = &printed, said
	err = cmd.Run()
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	if json.Unmarshal(printed.Bytes(), &r) == nil && r.Verdict != "" {
		return r, nil
	}
	return r, fmt.Errorf("taskcluster-local: %w: %s", err, said.last)
}

// indented prints what is written to it, each line with a margin, and keeps the last line.
type indented struct {
	out  io.Writer
	part []byte
	last string
}

// Write implements io.Writer.
func (i *indented) Write(data []byte) (int, error) {
	i.part = append(i.part, data...)
	for {
		line, rest, ok := bytes.Cut(i.part, []byte{'\n'})
		if !ok {
			return len(data), nil
		}
		i.last, i.part = string(line), rest
		fmt.Fprintln(i.out, "  "+i.last)
	}
}
