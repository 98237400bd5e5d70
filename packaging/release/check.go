package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// check makes a release twice, at two places, with two build caches, time zones, umasks and, where
// that can be had, names of the machine, and compares them.
func check(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	f := newFlags("check", stderr)
	warm := f.Bool("warm", false, "use one build cache for both: fast, and proves less")
	if err := f.parse(args); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "release-check-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	var other []string
	f.Visit(func(given *flag.Flag) {
		if given.Name != "warm" {
			other = append(other, "-"+given.Name+"="+given.Value.String())
		}
	})
	one, two := filepath.Join(scratch, "1", "release"), filepath.Join(scratch, "another-place", "and-a-longer-one", "2", "release")
	caches := []string{"TZ=Asia/Kathmandu"}
	if !*warm {
		caches = append(caches, "GOCACHE="+filepath.Join(scratch, "cache"))
	}
	renamed := elsewhere(ctx)
	if renamed == nil {
		fmt.Fprintln(stderr, "both builds know this machine by the same name: another takes root and unshare")
	}
	for _, b := range []struct {
		out, umask string
		env, under []string
	}{{one, "022", nil, nil}, {two, "077", caches, renamed}} {
		fmt.Fprintln(stderr, "building at", b.out)
		line := slices.Concat(b.under, []string{"sh", "-c", `umask "$0" && exec "$@"`, b.umask, self, "build", "-out=" + b.out}, other)
		c := exec.CommandContext(ctx, line[0], line[1:]...)
		c.Env = append(os.Environ(), b.env...)
		c.Stderr = stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("build at %s: %w", b.out, err)
		}
	}
	names, err := differences(one, two)
	if err != nil {
		return err
	}
	if err := sizes(stdout, one); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d files, twice the same to the byte\n", len(names))
	return nil
}

// elsewhere is what comes before a command for it to run on a machine of another name; nil where
// that cannot be: it takes Linux and root.
func elsewhere(ctx context.Context) []string {
	line := []string{"unshare", "--uts", "sh", "-c", `hostname another-machine && exec "$@"`, "sh"}
	if exec.CommandContext(ctx, line[0], append(line[1:], "true")...).Run() != nil { //nolint:gosec // written above
		return nil
	}
	return line
}

// differences fails with the names of the files that two folders do not have alike; it returns
// the names of all.
func differences(one, two string) ([]string, error) {
	var names []string
	for _, dir := range []string{one, two} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	var problems []error
	for _, name := range names {
		if err := alike(filepath.Join(one, name), filepath.Join(two, name)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	return names, errors.Join(problems...)
}

// alike fails when two files differ in content or mode.
func alike(one, two string) error {
	a, err := os.Stat(one)
	if err != nil {
		return err
	}
	b, err := os.Stat(two)
	if err != nil {
		return err
	}
	if a.Mode() != b.Mode() {
		return fmt.Errorf("its mode is %v and %v", a.Mode(), b.Mode())
	}
	first, err := os.ReadFile(one)
	if err != nil {
		return err
	}
	second, err := os.ReadFile(two)
	if err != nil {
		return err
	}
	if !bytes.Equal(first, second) {
		return errors.New("its two builds differ")
	}
	return nil
}
