package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// top is the top of the repository, where nfpm.yaml is used from.
const top = ".."

// when is the time of all files in the packages of tests.
const when = "1700000000"

// programs builds start-worker and generic-worker as a release has them, and returns their folder.
func programs(t testing.TB, arch, version string) string {
	t.Helper()
	dir := t.TempDir()
	const variable = "github.com/workerkit/workerkit/internal/version.version"
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X "+variable+"="+version, "-o", dir+string(filepath.Separator), "./cmd/start-worker", "./cmd/generic-worker")
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	mustRun(t, cmd)
	list(t, dir)
	return dir
}

// list puts a list of licences and manual pages, which a release makes, beside the programs.
func list(t testing.TB, dir string) {
	t.Helper()
	for _, name := range []string{"THIRD-PARTY.txt", "start-worker.1.gz", "generic-worker.1.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("of a release\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// pack makes a package of the programs in a folder, and returns its path.
func pack(t testing.TB, programs, arch, version, format string) string {
	t.Helper()
	dir := t.TempDir()
	which := exec.Command("go", "tool", "-modfile=tools/go.mod", "-n", "nfpm") // builds it, for this machine
	which.Dir = top
	nfpm := strings.TrimSpace(mustRun(t, which))
	cmd := exec.Command(nfpm, "package", "--config", "packaging/nfpm.yaml", "--packager", format, "--target", dir+string(filepath.Separator))
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "GOARCH="+arch, "VERSION="+version, "BIN="+programs, "SOURCE_DATE_EPOCH="+when)
	mustRun(t, cmd)
	all, err := filepath.Glob(filepath.Join(dir, "*."+format))
	if err != nil || len(all) != 1 {
		t.Fatalf("nfpm made %v, %v", all, err)
	}
	return all[0]
}

// empty makes a folder with programs that do nothing, for tests of what is around them.
func empty(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"start-worker", "generic-worker"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	list(t, dir)
	return dir
}

func mustRun(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

// need skips a test for which a program is missing.
func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s here", program)
		}
	}
}
