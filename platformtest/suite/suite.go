// Package suite runs the tests of packages as programs of another platform, and says how each went in
// the words of go test.
package suite

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Platform is where the tests run.
type Platform struct {
	Name     string              // as in "not in Wine"
	Env      []string            // which programs Go makes, also for tests that make some
	Build    []string            // further arguments of go test -c
	Path     func(string) string // how a program there names a file of this machine
	Command  func(ctx context.Context, extra []string, program string, args ...string) *exec.Cmd
	Without  Exceptions
	Parallel int // packages at the same time
}

// Options are the command line.
type Options struct {
	profile string
	covered string // the packages in the profile
	run     string
	verbose bool
	all     bool
	limit   time.Duration
}

// Flags has them filled by flag.Parse. The limit is for the tests of one package, unless another is given.
func (o *Options) Flags(limit time.Duration) {
	flag.StringVar(&o.profile, "coverprofile", "", "write what was executed into that `file`")
	o.covered = module + "..."
	flag.StringVar(&o.run, "run", "", "only the tests that match that `pattern`")
	flag.BoolVar(&o.verbose, "v", false, "show what every test prints")
	flag.BoolVar(&o.all, "all", false, "run also what is on the list of what cannot work")
	flag.DurationVar(&o.limit, "timeout", limit, "how `long` the tests of one package may take")
}

// errFailed means that a test failed, which has been said.
var errFailed = errors.New("failed")

// Main runs a command until it ends or is told to, and exits with what came of it.
func Main(name string, command func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx)
	stop()
	if err == nil {
		os.Exit(0)
	}
	if !errors.Is(err, errFailed) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	}
	os.Exit(1)
}

// Test builds and runs the tests of all packages, and says into out how each went.
func (o Options) Test(ctx context.Context, out io.Writer, where Platform, patterns []string) error {
	packages, err := where.list(ctx, patterns)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "suite-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // tests run their program as other users
		return err
	}
	b := bench{Options: o, Platform: where, dir: dir}
	if o.profile != "" {
		if err := b.makeCounters(); err != nil {
			return err
		}
	}
	failed := b.each(ctx, out, packages)
	if err := ctx.Err(); err != nil {
		return err
	}
	if o.profile != "" {
		if err := b.writeProfile(ctx); err != nil {
			return err
		}
	}
	if failed > 0 {
		fmt.Fprintf(out, "FAIL: %d of %d packages\n", failed, len(packages))
		return errFailed
	}
	return nil
}

// each tests the packages, some at the same time, and returns how many failed.
func (b bench) each(ctx context.Context, out io.Writer, packages []pkg) int {
	var writing sync.Mutex
	failed := 0
	var workers sync.WaitGroup
	next := make(chan pkg)
	for range max(1, b.Parallel) {
		workers.Go(func() {
			for p := range next {
				report, ok := b.one(ctx, p, b.Without[p.short()])
				writing.Lock()
				if !ok {
					failed++
				}
				_, _ = io.WriteString(out, report) // whoever does not read it has the exit code
				writing.Unlock()
			}
		})
	}
	for _, p := range packages {
		select {
		case next <- p:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return failed
}

// pkg is a package with tests.
type pkg struct{ path, dir string }

const module = "github.com/workerkit/workerkit/"

// short is how the list of exceptions names the package.
func (p pkg) short() string { return strings.TrimPrefix(p.path, module) }

func (p Platform) list(ctx context.Context, patterns []string) ([]pkg, error) {
	const form = `{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}`
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-f", form}, patterns...)...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var found []pkg
	for line := range strings.Lines(string(out)) {
		if path, dir, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			found = append(found, pkg{path, filepath.Clean(dir)})
		}
	}
	return found, nil
}
