// Command onwine runs the tests of packages as Windows programs in Wine: `make test-windows`.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/workerkit/workerkit/platformtest/suite"
	"github.com/workerkit/workerkit/platformtest/wine"
)

// unsuited says which packages and tests cannot work in Wine, and why.
//
//go:embed exceptions.txt
var unsuited string

func main() { suite.Main("onwine", start) }

func start(ctx context.Context) (err error) {
	var o suite.Options
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	flag.StringVar(&cache, "cache", filepath.Join(cache, "workerkit-wine"), "the `folder` where Wine's files are kept")
	o.Flags(4 * time.Minute)
	flag.Parse()
	if missing := wine.Missing(); len(missing) > 0 {
		return fmt.Errorf("please install (Debian's names): %s", strings.Join(missing, " "))
	}
	patterns := flag.Args()
	if len(patterns) == 0 {
		patterns = everything()
	}
	without, err := suite.Parse(unsuited)
	if err != nil {
		return fmt.Errorf("exceptions.txt: %w", err)
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
	windows, err := wine.New(ctx, cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, windows.Close(ctx)) }()
	return o.Test(ctx, os.Stdout, suite.Platform{
		Name:    "Wine",
		Env:     []string{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"},
		Build:   []string{"-overlay", overlay},
		Path:    wine.Path,
		Command: windows.Command,
		Without: without,
	}, patterns)
}

// everything is what a Windows machine runs.
func everything() []string {
	return []string{"./internal/...", "./providers/...", "./runner/...", "./worker/...", "./cmd/generic-worker", "./cmd/start-worker"}
}
