package qemu_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/platformtest/tasks"
)

// root is the root folder of a Debian for arm64.
type root struct {
	t   *testing.T
	dir string
}

const patience = 2 * time.Minute

// debian makes one, which is clean. It is fetched once, and kept in the user's cache.
func debian(t *testing.T) root {
	t.Helper()
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Skip("there is no mmdebstrap here:", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip("there is no place to keep a root file system:", err)
	}
	archive := filepath.Join(cache, "workerkit-arm64", "bookworm-systemd.tar")
	if _, err := os.Stat(archive); err != nil {
		fetch(t, archive)
	}
	r := root{t, filepath.Join(t.TempDir(), "root")}
	if err := os.Mkdir(r.dir, 0o755); err != nil { //nolint:gosec // a root folder
		t.Fatal(err)
	}
	run(t, patience, "tar", "--extract", "--numeric-owner", "--exclude=./dev/*", "--file", archive, "--directory", r.dir)
	return r
}

// fetch makes the archive, with the scripts of Debian's packages run under emulation, which takes minutes.
func fetch(t *testing.T, archive string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(archive), 0o700); err != nil {
		t.Fatal(err)
	}
	part := archive + ".part"
	defer os.Remove(part)
	args := []string{"--arch=arm64", "--variant=essential", "--include=passwd,systemd,usr-is-merged", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
		"--format=tar", "--dpkgopt=force-unsafe-io"}
	for _, folder := range []string{"doc", "locale", "man"} {
		args = append(args, "--dpkgopt=path-exclude=/usr/share/"+folder+"/*")
	}
	out, err := try(t, 20*time.Minute, "mmdebstrap", append(args, "bookworm", part)...)
	if err != nil {
		t.Skipf("Debian's packages for arm64 cannot be had: %v\n%s", err, out)
	}
	if err := os.Rename(part, archive); err != nil {
		t.Fatal(err)
	}
}

// in runs a program of the root folder there.
func (r root) in(args ...string) string {
	r.t.Helper()
	const script = `mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"`
	return run(r.t, patience, "sh", append([]string{"-c", script, r.dir}, args...)...)
}

func (r root) put(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r root) has(name string) bool {
	_, err := os.Lstat(filepath.Join(r.dir, name))
	return err == nil
}

// pack makes the .deb that a release has, and returns its path.
func pack(t *testing.T) string {
	t.Helper()
	programs, dir := build(t, "start-worker", "generic-worker"), t.TempDir()
	top := filepath.Join("..", "..")
	definition, err := os.ReadFile(filepath.Join(top, "packaging", "nfpm.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{BIN\}/(\S+)`).FindAllSubmatch(definition, -1) { // what a release makes beside programs
		file, err := os.OpenFile(filepath.Join(programs, string(m[1])), os.O_CREATE|os.O_RDONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_ = file.Close() // nothing was written
	}
	at := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Stderr = top, os.Stderr
		return cmd
	}
	nfpm, err := at("go", "tool", "-modfile=tools/go.mod", "-n", "nfpm").Output() // builds it, for this machine
	if err != nil {
		t.Fatal(err)
	}
	deb := filepath.Join(dir, "workerkit.deb")
	cmd := at(strings.TrimSpace(string(nfpm)), "package", "--config", "packaging/nfpm.yaml", "--packager", "deb", "--target", deb)
	cmd.Env = append(os.Environ(), "GOARCH=arm64", "VERSION=0.1.0", "BIN="+programs)
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("nfpm: %v\n%s", err, out)
	}
	return deb
}

// TestDebianPackage: Debian for arm64 installs the package, whose programs take a task to its end, and
// removes it again.
func TestDebianPackage(t *testing.T) {
	asked(t)
	machine := debian(t)
	run(t, patience, "cp", pack(t), filepath.Join(machine.dir, "root", "p.deb"))
	machine.in("dpkg", "--install", "/root/p.deb")
	if got := machine.in("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Architecture}", "workerkit"); got != "installed arm64" {
		t.Errorf("dpkg says %q", got)
	}
	const wanted = "/etc/systemd/system/multi-user.target.wants/start-worker.service"
	if !machine.has(wanted) || !machine.has("/var/lib/start-worker") {
		t.Error("the service is not enabled, or has no folder")
	}
	for _, name := range []string{"start-worker", "generic-worker", "generic-worker-insecure", "generic-worker-multiuser"} {
		isForARM64(t, filepath.Join(machine.dir, "usr/bin", name))
		if out := machine.in("/usr/bin/"+name, "--version"); !strings.Contains(out, "0.1.0") {
			t.Errorf("%s --version says %q", name, out)
		}
	}
	machine.takesATask()
	machine.in("dpkg", "--purge", "workerkit")
	if machine.has(wanted) || machine.has("/usr/bin/start-worker") {
		t.Error("something is left of the package")
	}
}

// takesATask has start-worker register a static machine; both programs end after one task.
func (r root) takesATask() {
	r.t.Helper()
	service := tasks.Start(r.t)
	worker := service.Pool(r.t, tasks.Pool)
	r.in("generic-worker", "new-ed25519-keypair", "--file", "/root/key")
	r.put("/etc/start-worker.yml", fmt.Sprintf(`
provider:
  providerType: static
  rootURL: %s
  providerID: static
  workerPoolID: %s
  workerGroup: %s
  workerID: %s
  staticSecret: %s
worker:
  implementation: generic-worker
  path: /usr/bin/generic-worker
  configPath: /root/worker.config
workerConfig:
  ed25519SigningKeyLocation: /root/key
  tasksDir: /root/tasks
  requiredDiskSpaceMegabytes: 1
  numberOfTasksToRun: 1
  workerkit: {engine: insecure}
`, service.RootURL, tasks.Pool, worker.Group, worker.ID, worker.Secret))
	id := service.Create([][]string{{"sh", "-c", "dpkg --print-architecture > out.txt; uname -m"}})
	r.in("start-worker", "/etc/start-worker.yml")
	if log, out := service.Resolved(id, "completed completed"); out != "arm64\n" || !strings.Contains(log, "aarch64") {
		r.t.Errorf("made %q; its log:\n%s", out, log)
	}
}
