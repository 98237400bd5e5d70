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

	"github.com/workerkit/workerkit/packaging/release/licence"
)

const (
	module   = "github.com/workerkit/workerkit"
	standard = "std" // Go's standard library, in lists of modules
)

// platform is a system that there are programs for.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// dashed is the platform as the names of files have it.
func (p platform) dashed() string { return p.os + "-" + p.arch }

// program is the file name of a program.
func (p platform) program(name string) string {
	if p.os == "windows" {
		return name + ".exe"
	}
	return name
}

func platforms() []platform {
	var all []platform
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		for _, arch := range []string{"amd64", "arm64"} {
			all = append(all, platform{system, arch})
		}
	}
	return all
}

// selected reads a list of platforms with commas; all of them when it is empty.
func selected(list string) ([]platform, error) {
	if list == "" {
		return platforms(), nil
	}
	var chosen []platform
	for name := range strings.SplitSeq(list, ",") {
		found := false
		for _, p := range platforms() {
			if p.String() == name {
				chosen, found = append(chosen, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("platform %q: there are %v", name, platforms())
		}
	}
	return chosen, nil
}

// toolchain is Go with the settings that a release is built with.
type toolchain struct {
	src     string // the module
	env     []string
	root    string
	version string // such as 1.26.0
}

// openToolchain asks Go for its settings and fixes those that change what is built, whatever the
// user's environment and `go env -w` say.
func openToolchain(ctx context.Context, src string) (toolchain, error) {
	keep := []string{"GOROOT", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOSUMDB", "GOTOOLCHAIN"}
	t := toolchain{src: src, env: os.Environ()}
	out, err := t.run(ctx, append([]string{"env", "-json", "GOVERSION"}, keep...)...)
	if err != nil {
		return t, err
	}
	settings := map[string]string{}
	if err := json.Unmarshal(out, &settings); err != nil {
		return t, fmt.Errorf("go env: %w", err)
	}
	for _, name := range keep[1:] {
		t.env = append(t.env, name+"="+settings[name])
	}
	t.env = append(t.env, "GOENV=off", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GODEBUG=", "GOFIPS140=off",
		"GO111MODULE=on", "GOAMD64=v1", "GOARM64=v8.0", "CGO_ENABLED=0")
	t.root, t.version = settings["GOROOT"], strings.TrimPrefix(settings["GOVERSION"], "go")
	return t, nil
}

func (t toolchain) on(p platform) toolchain {
	t.env = append(slices.Clip(t.env), "GOOS="+p.os, "GOARCH="+p.arch)
	return t
}

// run runs the go command in the module and returns its output.
func (t toolchain) run(ctx context.Context, args ...string) ([]byte, error) {
	var problem bytes.Buffer
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir, c.Env, c.Stderr = t.src, t.env, &problem
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, bytes.TrimSpace(problem.Bytes()))
	}
	return out, nil
}

// build builds programs for a platform into a folder. What it makes depends on the source, the
// version and the release of Go, on no path and no time. Further variables are NAME=value.
func (t toolchain) build(ctx context.Context, p platform, dir string, s source, programs []string, variables ...string) error {
	variables = append([]string{module + "/internal/version.version=" + s.version + "+" + s.commit}, variables...)
	flags := "-s -w -X " + strings.Join(variables, " -X ")
	// Without a build ID there is no UUID in a program for macOS, and macOS 15 then does not let it
	// reach the local network. It is made of the content, so it is the same each time.
	if p.os != "darwin" {
		flags += " -buildid="
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", dir + string(filepath.Separator)}
	for _, name := range programs {
		args = append(args, "./cmd/"+name)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("build for %s: %w", p, err)
	}
	if _, err := t.on(p).run(ctx, args...); err != nil {
		return fmt.Errorf("build for %s: %w", p, err)
	}
	return nil
}

// packages lists what is linked into programs for some platforms, Go's own library included.
func (t toolchain) packages(ctx context.Context, chosen []platform, programs []string) ([]licence.Package, error) {
	seen := map[string]bool{}
	all := []licence.Package{{Dir: t.root, Module: standard, Version: t.version, ModuleDir: t.root}}
	args := []string{"list", "-deps", "-json=Dir,Standard,Module"}
	for _, name := range programs {
		args = append(args, "./cmd/"+name)
	}
	for _, p := range chosen {
		out, err := t.on(p).run(ctx, args...)
		if err != nil {
			return nil, fmt.Errorf("list the packages for %s: %w", p, err)
		}
		found, err := t.listed(out, seen)
		if err != nil {
			return nil, fmt.Errorf("list the packages for %s: %w", p, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// listed reads what go list says. It leaves out our own packages, and those whose folder was seen.
func (t toolchain) listed(out []byte, seen map[string]bool) ([]licence.Package, error) {
	var all []licence.Package
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var one struct {
			Dir      string
			Standard bool
			Module   struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		p := licence.Package{Dir: one.Dir, Module: one.Module.Path, Version: one.Module.Version, ModuleDir: one.Module.Dir}
		if one.Standard {
			p.Module, p.Version, p.ModuleDir = standard, t.version, t.root
		}
		if !seen[one.Dir] && !one.Module.Main {
			all = append(all, p)
		}
		seen[one.Dir] = true
	}
}
