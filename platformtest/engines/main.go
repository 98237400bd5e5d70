// Command engines runs the tests of containers with the engines of other releases of Debian:
// `make test-engines`. It needs root, Linux, mmdebstrap and, the first time, a network.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// packages are what is tested, as folders of the module.
func packages() []string {
	return []string{"internal/docker", "worker/engines/container/images", "worker/engines/container"}
}

// wanted are Debian's packages: the engines, and what the tests need beside them.
const wanted = "docker.io,docker-cli,podman,conmon,runc,crun,netavark,aardvark-dns,passt,fuse-overlayfs,slirp4netns,uidmap,passwd," +
	"busybox-static,iptables,nftables,iproute2,ca-certificates,zstd,xz-utils,bzip2,procps,kmod,mount,util-linux,e2fsprogs,dbus"

// inside runs a program in a root folder of its own, with the system's own folders and this module.
//
//go:embed inside.sh
var inside string

func main() {
	ctx, done := signal.NotifyContext(context.Background(), os.Interrupt)
	err := start(ctx)
	done()
	if err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context) error {
	only := flag.String("run", "", "only the tests that match `pattern`")
	option := flag.String("aptopt", "", "a `line` of apt's configuration, such as Acquire::Check-Valid-Until \"false\" for a mirror that lags")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "engines [-run pattern] [-aptopt line] [release of Debian]...")
		flag.PrintDefaults()
	}
	flag.Parse()
	releases := flag.Args()
	if len(releases) == 0 {
		releases = []string{"trixie", "sid"}
	}
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return errors.New("only root on Linux can start engines of containers")
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return errors.New("there is no mmdebstrap: install the package mmdebstrap")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	programs, err := os.MkdirTemp("", "engines-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(programs)
	if err := build(ctx, programs); err != nil {
		return err
	}
	var failed []string
	for _, release := range releases {
		root := filepath.Join(cache, "workerkit-engines", release)
		if err := debian(ctx, root, release, *option); err != nil {
			return fmt.Errorf("%s: %w", release, err)
		}
		if !tested(ctx, root, programs, *only) {
			failed = append(failed, release)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("tests fail with the engines of %s", strings.Join(failed, ", "))
	}
	return nil
}

// build builds the tests, without C: the libraries are another release's.
func build(ctx context.Context, dir string) error {
	for _, p := range packages() {
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", filepath.Join(dir, path.Base(p)), "./"+p) //nolint:gosec // of this module
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build the tests of %s: %w", p, err)
		}
	}
	return nil
}

// debian makes the root folder, unless it is there.
func debian(ctx context.Context, root, release, option string) error {
	stamp := root + ".made"
	if made, err := os.ReadFile(stamp); err == nil && string(made) == wanted { //nolint:gosec // of the cache
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o700); err != nil {
		return err
	}
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	args := []string{"--quiet", "--variant=apt", "--include=" + wanted}
	if option != "" {
		args = append(args, "--aptopt="+option)
	}
	mirror, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return fmt.Errorf("ask apt for this machine's mirror: %w", err)
	}
	first, _, _ := strings.Cut(string(mirror), "\n")
	cmd := exec.CommandContext(ctx, "mmdebstrap", append(args, release, root, first)...) //nolint:gosec // as the command line says
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("mmdebstrap: %w", err)
	}
	return os.WriteFile(stamp, []byte(wanted), 0o600)
}

// tested runs the tests in a root folder, and tells whether they pass.
func tested(ctx context.Context, root, programs, only string) bool {
	here, err := os.Getwd()
	if err != nil {
		fmt.Println(err)
		return false
	}
	enter := func(line ...string) *exec.Cmd {
		args := append([]string{"--mount", "--propagation", "private", "/bin/sh", "-c", inside, "sh", root, here}, line...)
		return exec.CommandContext(ctx, "unshare", args...) //nolint:gosec // as the command line says
	}
	versions, err := enter(".", "/bin/sh", "-c", "dockerd --version; podman --version; runc --version | head -n 1").CombinedOutput()
	fmt.Printf("%s:\n%s", filepath.Base(root), versions)
	ok := err == nil
	for _, p := range packages() {
		program := filepath.Join(root, "t.test")
		begin := time.Now()
		err := install(filepath.Join(programs, path.Base(p)), program)
		if err == nil {
			var out []byte
			out, err = enter(p, "/t.test", "-test.v", "-test.timeout=20m", "-test.run="+only).CombinedOutput()
			show(string(out))
		}
		said := "ok  "
		if err != nil {
			ok, said = false, "FAIL"
		}
		fmt.Printf("%s\t%s\t%.1fs\n", said, p, time.Since(begin).Seconds())
	}
	return ok
}

func install(from, to string) error {
	data, err := os.ReadFile(from) //nolint:gosec // built above
	if err != nil {
		return err
	}
	const program = 0o755
	return os.WriteFile(to, data, program) //nolint:gosec // it is run
}

// show prints what failed, what was left out, and why.
func show(out string) {
	for line := range strings.Lines(out) {
		if slices.ContainsFunc([]string{"--- FAIL", "--- SKIP", "_test.go:", "panic:"}, func(s string) bool { return strings.Contains(line, s) }) {
			fmt.Print(line)
		}
	}
}
