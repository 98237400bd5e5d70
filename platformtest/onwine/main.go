// Command onwine runs the tests of packages as Windows programs in Wine: `make test-windows`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/platformtest/wine"
)

// options are the command line.
type options struct {
	cache   string
	profile string
	run     string
	verbose bool
	all     bool
	limit   time.Duration
}

// errFailed means that a test failed, which has been said.
var errFailed = errors.New("failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "onwine:", err)
		}
		os.Exit(1)
	}
}

func start(ctx context.Context) error {
	var o options
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	flag.StringVar(&o.cache, "cache", filepath.Join(cache, "workerkit-wine"), "the `folder` where Wine's files are kept")
	flag.StringVar(&o.profile, "coverprofile", "", "write what was executed into that `file`")
	flag.StringVar(&o.run, "run", "", "only the tests that match that `pattern`")
	flag.BoolVar(&o.verbose, "v", false, "show what every test prints")
	flag.BoolVar(&o.all, "all", false, "run also what is on the list of what cannot work")
	flag.DurationVar(&o.limit, "timeout", 4*time.Minute, "how `long` the tests of one package may take")
	flag.Parse()
	if missing := wine.Missing(); len(missing) > 0 {
		return fmt.Errorf("please install (Debian's names): %s", strings.Join(missing, " "))
	}
	patterns := flag.Args()
	if len(patterns) == 0 {
		patterns = everything()
	}
	return o.test(ctx, patterns)
}

// everything is what a Windows machine runs.
func everything() []string {
	return []string{"./internal/...", "./providers/...", "./runner/...", "./worker/...", "./cmd/generic-worker", "./cmd/start-worker"}
}
