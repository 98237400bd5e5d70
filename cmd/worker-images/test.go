package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/disk"
)

// tryKinds are the kinds of tests.
func tryKinds() []string { return []string{"hygiene", "secrets", "boot"} }

func (p *program) newTestCommand() *cobra.Command {
	var b boots
	var only []string
	command := &cobra.Command{
		Use:   "test NAME",
		Short: "Test an image's disk: no trace of the build, no secret, and it becomes a worker everywhere",
		Long: "Test the disk that build has made for the target qemu. hygiene looks for traces of the build in its\n" +
			"files. secrets looks at each byte of it, those of deleted files included, for the secrets of the\n" +
			"definition and the credentials in the environment, in every form, and for private keys and tokens\n" +
			"of anybody. boot is the command boot. The results go to the ledger when it has the build.\n\n" +
			"hygiene and secrets need qemu-img and debugfs, and neither root nor a mount. No finding shows a\n" +
			"value.",
		Example: "  worker-images test debian-12-worker-amd64\n" +
			"  worker-images test debian-12-worker-amd64 --only hygiene,secrets --disk disk.qcow2",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, kind := range only {
				if !slices.Contains(tryKinds(), kind) {
					return unknown("test", kind, nil, "There are "+strings.Join(tryKinds(), ", ")+".")
				}
			}
			image, err := b.of(p, args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			results, err := b.test(cmd.Context(), out, image, only)
			return errors.Join(err, p.conclude(context.WithoutCancel(cmd.Context()), out, image, b.disk, results))
		},
	}
	b.register(command)
	command.Flags().StringSliceVar(&only, "only", tryKinds(), "only these `tests`")
	return command
}

// test runs the tests that look into the disk, then those that boot it.
func (b *boots) test(ctx context.Context, out io.Writer, image packer.Image, only []string) (results []result, err error) {
	if slices.Contains(only, "hygiene") || slices.Contains(only, "secrets") {
		if results, err = b.look(ctx, out, image, only); err != nil {
			return results, err
		}
	}
	if slices.Contains(only, "boot") {
		booted, err := b.run(ctx, out, image)
		return append(results, booted...), err
	}
	return results, nil
}

// look unpacks the disk and looks into it.
func (b *boots) look(ctx context.Context, out io.Writer, image packer.Image, only []string) (results []result, err error) {
	if image.Windows() {
		return nil, errors.New("hygiene and secrets are tests of Linux disks")
	}
	secrets, unread := secretsOf(image, os.Environ())
	for _, u := range unread {
		fmt.Fprintf(out, "not looked for: %v\n", u)
	}
	if err := os.MkdirAll(b.output, 0o755); err != nil { //nolint:gosec // as build makes it
		return nil, err
	}
	dir, err := os.MkdirTemp(b.output, "disk-") // beside the disk: it may be large
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d, err := disk.Open(ctx, b.disk, dir)
	if err != nil {
		return nil, err
	}
	if slices.Contains(only, "hygiene") {
		began := time.Now()
		found, err := d.Hygiene(ctx, secrets)
		if err != nil {
			return nil, err
		}
		results = append(results, judged(out, "hygiene", began, found, "no trace of the build"))
	}
	if slices.Contains(only, "secrets") {
		began := time.Now()
		report, err := d.Scan(ctx, secrets)
		if err != nil {
			return results, err
		}
		for _, name := range report.Short {
			fmt.Fprintf(out, "not looked for: secret %s: it is too short to be found for sure\n", name)
		}
		results = append(results, judged(out, "secrets", began, report.Findings,
			fmt.Sprintf("none of %d secrets, no key; %d MB at %.0f MB/s", len(secrets)-len(report.Short), report.Bytes/1e6, float64(report.Bytes)/1e6/report.Took.Seconds())))
	}
	return results, nil
}

// judged prints what was found, and makes it a result.
func judged(out io.Writer, name string, began time.Time, found []disk.Finding, fine string) result {
	r := result{name: name, passed: len(found) == 0, at: time.Now(), took: time.Since(began), detail: fine}
	for _, f := range found {
		fmt.Fprintf(out, "%s: %s\n", name, f)
	}
	if !r.passed {
		r.detail = fmt.Sprintf("%d found; %s", len(found), found[0])
	}
	return r
}

// secretsOf are the values that scripts of the image are given, and the credentials of whoever
// builds it. Those that cannot be read here are errors.
func secretsOf(image packer.Image, env []string) (secrets []disk.Secret, unread []error) {
	var seen []packer.Secret
	for _, script := range image.Scripts {
		for _, ref := range script.Secrets {
			if slices.Contains(seen, ref) {
				continue
			}
			seen = append(seen, ref)
			value, err := build.Secret(ref, env)
			if err != nil {
				unread = append(unread, err)
				continue
			}
			secrets = append(secrets, disk.Secret{Name: string(ref), Value: value})
		}
	}
	for _, entry := range env {
		for _, value := range build.Credentials([]string{entry}) {
			name, _, _ := strings.Cut(entry, "=")
			if ref := packer.Secret("env:" + name); !slices.Contains(seen, ref) {
				secrets = append(secrets, disk.Secret{Name: string(ref), Value: value})
			}
		}
	}
	slices.SortFunc(unread, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return secrets, unread
}
