package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// bench is where packages are tested.
type bench struct {
	Options
	Platform
	dir      string
	counters string // the folder of what was executed
}

// one tests one package, without the tests that cannot work, and tells what is to be printed of it and
// whether all is well.
func (b bench) one(ctx context.Context, p pkg, not exception) (report string, ok bool) {
	if not.whole != "" && !b.all {
		return fmt.Sprintf("-   \t%s\tnot in %s: %s\n", p.short(), b.Name, not.whole), true
	}
	program := filepath.Join(b.dir, strings.ReplaceAll(p.short(), "/", "-")+".test.exe")
	args := append([]string{"test", "-c", "-o", program}, b.Build...)
	if b.profile != "" {
		args = append(args, "-cover", "-coverpkg", b.covered)
	}
	build := exec.CommandContext(ctx, "go", append(args, p.path)...)
	build.Env = append(os.Environ(), b.Env...)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Sprintf("%sFAIL\t%s\t[build failed]\n", out, p.short()), false
	}
	defer os.Remove(program)
	began := time.Now()
	out, err := b.execute(ctx, p, program, not)
	took := time.Since(began).Seconds()
	if err != nil {
		return fmt.Sprintf("%s\nFAIL\t%s\t%.1fs\t%v\n", bytes.TrimSpace(out), p.short(), took, err), false
	}
	if b.verbose {
		report = fmt.Sprintf("%s\n", bytes.TrimSpace(out))
	}
	return report + fmt.Sprintf("ok  \t%s\t%.1fs\t%s\n", p.short(), took, tally(out, len(not.tests), b.Name)), true
}

// execute runs the program of one package in the package's folder, as go test does.
func (b bench) execute(ctx context.Context, p pkg, program string, not exception) ([]byte, error) {
	args := []string{"-test.v", "-test.timeout", b.limit.String(), "-test.run", b.run}
	if skip := not.pattern(); skip != "" && !b.all {
		args = append(args, "-test.skip", skip)
	}
	var extra []string
	if b.profile != "" { // of the program and of those that it starts
		folder := b.Path(b.counters)
		args = append(args, "-test.gocoverdir", folder)
		extra = []string{"GOCOVERDIR=" + folder}
	}
	ctx, done := context.WithTimeout(ctx, b.limit+30*time.Second) // it stops itself, unless what runs it hangs
	defer done()
	cmd := b.Command(ctx, extra, program, args...)
	cmd.Dir = p.dir
	return cmd.CombinedOutput()
}

// tally says how many tests there were, and which skipped themselves.
func tally(out []byte, left int, platform string) string {
	passed := len(regexp.MustCompile(`(?m)^--- PASS: `).FindAll(out, -1))
	text := fmt.Sprintf("%d passed", passed)
	if skipped := regexp.MustCompile(`(?m)^--- SKIP: (\S+)`).FindAllSubmatch(out, -1); len(skipped) > 0 {
		var names []string
		for _, s := range skipped {
			names = append(names, string(s[1]))
		}
		text += ", skipped themselves: " + strings.Join(names, " ")
	}
	if left > 0 {
		text += fmt.Sprintf(", %d not in %s", left, platform)
	}
	return text
}

// makeCounters makes the folder of what was executed. It is for all users, as tests start programs as
// others, and beside the profile: some tests have a folder of temporary files of their own.
func (b *bench) makeCounters() error {
	dir, err := filepath.Abs(b.profile + ".counters")
	if err != nil {
		return err
	}
	b.counters = dir
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777|os.ModeSticky)) //nolint:gosec // for all users, as said
}

// writeProfile makes the profile of the counters, and removes them.
func (b bench) writeProfile(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "tool", "covdata", "textfmt", "-i", b.counters, "-o", b.profile).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go tool covdata: %w: %s", err, bytes.TrimSpace(out))
	}
	return os.RemoveAll(b.counters)
}
