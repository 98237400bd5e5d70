package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/qemu"
)

// What the machine is given, in its folder partsFolder: two versions of the package, the
// services, and tests.
const (
	partsFolder = "/opt/parts"
	oldVersion  = "0.1.0"
	newVersion  = "0.2.0"

	versionVariable = "github.com/workerkit/workerkit/internal/version.version"
)

// testPrograms are the packages whose tests run in the machine.
func testPrograms() []string { return []string{"internal/docker", "worker/engines/container"} }

// testProgram is the name of the tests of a package.
func testProgram(pkg string) string { return strings.ReplaceAll(pkg, "/", "-") + ".test" }

// partsPath is the file that the machine has as its second disk: a tar.
func partsPath(dir string) string { return filepath.Join(dir, "parts.tar") }

func makeParts(ctx context.Context, nfpm, dir string) error {
	parts := filepath.Join(dir, "parts")
	if err := errors.Join(os.RemoveAll(parts), os.MkdirAll(parts, 0o700)); err != nil {
		return err
	}
	for _, version := range []string{oldVersion, newVersion} {
		if err := makePackage(ctx, nfpm, version, filepath.Join(parts, version+".deb")); err != nil {
			return err
		}
	}
	if err := tool(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", parts, "./cmd/taskcluster-local"); err != nil {
		return err
	}
	for _, pkg := range testPrograms() {
		if err := tool(ctx, "go", "test", "-c", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(parts, testProgram(pkg)), "./"+pkg); err != nil {
			return err
		}
	}
	err := tool(ctx, "tar", "--create", "--owner=0", "--group=0", "--file", partsPath(dir), "--directory", parts, ".")
	return errors.Join(err, os.RemoveAll(parts))
}

// makePackage makes the package of a version, of the files as they are here.
func makePackage(ctx context.Context, nfpm, version, path string) error {
	bin, err := os.MkdirTemp(filepath.Dir(path), "bin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin) //nolint:errcheck // goes with its parent at the latest
	err = tool(ctx, "go", "build", "-trimpath", "-ldflags=-s -w -X "+versionVariable+"="+version, "-o", bin, "./cmd/start-worker", "./cmd/generic-worker")
	if err != nil {
		return err
	}
	definition, err := os.ReadFile("packaging/nfpm.yaml")
	if err != nil {
		return err
	}
	// To compress takes longer than all else here.
	definition = bytes.ReplaceAll(definition, []byte("compression: xz"), []byte("compression: none"))
	config := filepath.Join(bin, "nfpm.yaml")
	err = errors.Join(os.WriteFile(config, definition, 0o600), os.WriteFile(filepath.Join(bin, "THIRD-PARTY.txt"), []byte("licences\n"), 0o600))
	if err != nil {
		return err
	}
	return tool(ctx, "env", "GOARCH=amd64", "VERSION="+version, "BIN="+bin, nfpm, "package", "--config", config, "--packager", "deb", "--target", path)
}

// tool runs a program to its end, and shows what it printed when it fails.
func tool(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // of this program
	qemu.DiesWithUs(cmd)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	printed, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, lastLines(string(printed), 20))
	}
	return nil
}

// lastLines are the last lines of a text, indented.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "\n  | " + strings.Join(lines[max(0, len(lines)-n):], "\n  | ")
}
