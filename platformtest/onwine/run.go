package main

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

	"github.com/workerkit/workerkit/platformtest/wine"
)

// test builds and runs the tests of all packages, one after the other, and says how each went in
// the words of go test.
func (o options) test(ctx context.Context, patterns []string) (err error) {
	packages, err := list(ctx, patterns)
	if err != nil {
		return err
	}
	reasons, err := exceptions()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "onwine-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	overlay, err := wine.Overlay(ctx, dir)
	if err != nil {
		return err
	}
	windows, err := wine.New(ctx, o.cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, windows.Close(ctx)) }()
	b := bench{options: o, windows: windows, dir: dir, overlay: overlay}
	if err := os.Mkdir(filepath.Join(dir, counters), 0o700); err != nil {
		return err
	}
	failed := 0
	for _, p := range packages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !b.one(ctx, p, reasons[p.short()]) {
			failed++
		}
	}
	if o.profile != "" {
		if err := writeProfile(ctx, filepath.Join(dir, counters), o.profile); err != nil {
			return err
		}
	}
	if failed > 0 {
		fmt.Printf("FAIL\t%d of %d packages\n", failed, len(packages))
		return errFailed
	}
	return nil
}

// pkg is a package with tests for Windows.
type pkg struct{ path, dir string }

const module = "github.com/workerkit/workerkit/"

// short is how the list of exceptions names the package.
func (p pkg) short() string { return strings.TrimPrefix(p.path, module) }

func list(ctx context.Context, patterns []string) ([]pkg, error) {
	const form = `{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}`
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-f", form}, patterns...)...)
	cmd.Env = forWindows()
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var found []pkg
	for line := range strings.Lines(string(out)) {
		if path, dir, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			found = append(found, pkg{path, dir})
		}
	}
	return found, nil
}

func forWindows() []string {
	return append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
}

// bench is where packages are tested.
type bench struct {
	options
	windows      *wine.Wine
	dir, overlay string
}

// one tests one package, without the tests that cannot work, and tells whether all is well.
func (b bench) one(ctx context.Context, p pkg, not exception) bool {
	if not.whole != "" && !b.all {
		fmt.Printf("-   \t%s\tnot in Wine: %s\n", p.short(), not.whole)
		return true
	}
	program := filepath.Join(b.dir, "test.exe")
	args := []string{"test", "-c", "-overlay", b.overlay, "-o", program}
	if b.profile != "" {
		args = append(args, "-cover", "-coverpkg", module+"...")
	}
	build := exec.CommandContext(ctx, "go", append(args, p.path)...)
	build.Env = forWindows()
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("%sFAIL\t%s\t[build failed]\n", out, p.short())
		return false
	}
	defer os.Remove(program)
	began := time.Now()
	out, err := b.execute(ctx, p, program, not)
	took := time.Since(began).Seconds()
	if err != nil {
		fmt.Printf("%s\nFAIL\t%s\t%.1fs\t%v\n", bytes.TrimSpace(out), p.short(), took, err)
		return false
	}
	if b.verbose {
		fmt.Printf("%s\n", bytes.TrimSpace(out))
	}
	fmt.Printf("ok  \t%s\t%.1fs\t%s\n", p.short(), took, tally(out, len(not.tests)))
	return true
}

// execute runs the program of one package in the package's folder, as go test does.
func (b bench) execute(ctx context.Context, p pkg, program string, not exception) ([]byte, error) {
	args := []string{"-test.v", "-test.timeout", b.limit.String(), "-test.run", b.options.run}
	if skip := not.pattern(); skip != "" && !b.all {
		args = append(args, "-test.skip", skip)
	}
	var extra []string
	if b.profile != "" { // of the program and of those that it starts
		folder := wine.Path(filepath.Join(b.dir, counters))
		args = append(args, "-test.gocoverdir", folder)
		extra = []string{"GOCOVERDIR=" + folder}
	}
	ctx, done := context.WithTimeout(ctx, b.limit+30*time.Second) // it stops itself, unless Wine hangs
	defer done()
	cmd := b.windows.Command(ctx, extra, program, args...)
	cmd.Dir = p.dir
	return cmd.CombinedOutput()
}

// tally says how many tests there were, and which skipped themselves.
func tally(out []byte, left int) string {
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
		text += fmt.Sprintf(", %d not in Wine", left)
	}
	return text
}

// counters is the folder of what was executed.
const counters = "counters"

func writeProfile(ctx context.Context, from, to string) error {
	out, err := exec.CommandContext(ctx, "go", "tool", "covdata", "textfmt", "-i", from, "-o", to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go tool covdata: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
