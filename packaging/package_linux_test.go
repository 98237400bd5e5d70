package packaging_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestContents: both formats have the same files, and the names that say the engine.
func TestContents(t *testing.T) {
	need(t, "dpkg-deb", "rpm")
	programs := empty(t)
	deb := mustRun(t, exec.Command("dpkg-deb", "--contents", pack(t, programs, "amd64", "0.1.0", "deb")))
	rpm := mustRun(t, exec.Command("rpm", "--query", "--package", "--dump", "--nosignature", pack(t, programs, "amd64", "0.1.0", "rpm")))
	for _, want := range []string{
		"/usr/bin/start-worker", "/usr/bin/generic-worker", "/usr/bin/generic-worker-insecure", "/usr/bin/generic-worker-multiuser",
		"/usr/lib/systemd/system/start-worker.service", "/usr/lib/systemd/system/workerkit-key.service",
		"/usr/lib/sysusers.d/workerkit.conf", "/usr/lib/tmpfiles.d/workerkit.conf", "/usr/share/doc/workerkit/copyright",
	} {
		if !strings.Contains(deb, "."+want+"\n") && !strings.Contains(deb, "."+want+" -> generic-worker\n") {
			t.Errorf("the .deb has no %s:\n%s", want, deb)
		}
		if !strings.Contains(rpm, want+" ") {
			t.Errorf("the .rpm has no %s:\n%s", want, rpm)
		}
	}
}

// TestTheSamePackageTwice: of the same programs, to the byte.
func TestTheSamePackageTwice(t *testing.T) {
	programs := empty(t)
	for _, format := range []string{"deb", "rpm"} {
		var first []byte
		for range 2 {
			data, err := os.ReadFile(pack(t, programs, "arm64", "0.1.0", format))
			if err != nil {
				t.Fatal(err)
			}
			if first != nil && !bytes.Equal(first, data) {
				t.Errorf("two packages for %s differ", format)
			}
			first = data
		}
	}
}

// TestPackagesNameNoMachine: a .rpm has the name of the machine that made it unless it is given another.
func TestPackagesNameNoMachine(t *testing.T) {
	need(t, "rpm")
	path := pack(t, empty(t), "amd64", "0.1.0", "rpm")
	if got := mustRun(t, exec.Command("rpm", "--query", "--package", "--queryformat", "%{BUILDHOST}", "--nosignature", path)); got != "localhost" {
		t.Errorf("it was made on %q", got)
	}
}

// TestNames are those that docs/release.md says, also of what is no release yet.
func TestNames(t *testing.T) {
	programs := empty(t)
	for format, want := range map[string]string{"deb": "workerkit_1.2.3~rc.1_amd64.deb", "rpm": "workerkit-1.2.3~rc.1-1.x86_64.rpm"} {
		if got := filepath.Base(pack(t, programs, "amd64", "1.2.3-rc.1", format)); got != want {
			t.Errorf("got %s", got)
		}
	}
}

// TestNamesOfPreReleases: both formats sort a pre-release before its release by a tilde.
func TestNamesOfPreReleases(t *testing.T) {
	programs := empty(t)
	for format, want := range map[string]string{
		"deb": "workerkit_1.2.3~rc.1_amd64.deb",
		"rpm": "workerkit-1.2.3~rc.1-1.x86_64.rpm",
	} {
		if got := filepath.Base(pack(t, programs, "amd64", "1.2.3-rc.1", format)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestHints: the installation says what counts, and what is still to be done.
func TestHints(t *testing.T) {
	const write, runner, worker = "write /etc/start-worker.yml", "/usr/local/bin/start-worker is there", "/etc/start-worker.yml names /usr/local/bin/generic-worker"
	archive := debian(t)
	m := &machine{t: t, root: unpacked(t, archive)}
	m.bring(pack(t, empty(t), runtime.GOARCH, "0.1.0", "deb"), "/root/p.deb")
	for _, c := range []struct {
		name         string
		before       func()
		says, silent []string
	}{
		{"nothing", func() {}, []string{write}, []string{runner, worker}},
		{"without systemd", func() { m.run("mv", "/usr/bin/systemctl", "/root/") }, []string{write}, nil},
		{"programs by hand", func() {
			m.run("cp", "/bin/true", "/usr/local/bin/start-worker")
			m.run("cp", "/bin/true", "/usr/local/bin/generic-worker")
		}, []string{runner}, []string{worker, "bin/generic-worker"}},
		{"the package's worker in the configuration", func() {
			m.put("/etc/start-worker.yml", "worker:\n  # not /usr/local/bin/generic-worker\n  path: /usr/bin/generic-worker\n")
		}, []string{runner}, []string{worker, write}},
		{"the other worker in the configuration", func() {
			m.put("/etc/start-worker.yml", "worker:\n  path: /usr/local/bin/generic-worker\n")
		}, []string{runner, worker}, []string{write}},
	} {
		c.before()
		out := m.run("dpkg", "--install", "/root/p.deb")
		for _, text := range c.says {
			if !strings.Contains(out, text) {
				t.Errorf("%s: does not say %q:\n%s", c.name, text, out)
			}
		}
		for _, text := range c.silent {
			if strings.Contains(out, text) {
				t.Errorf("%s: says %q:\n%s", c.name, text, out)
			}
		}
		m.run("dpkg", "--purge", "workerkit")
	}
}

// TestPurge takes away what has come with the package and its programs, and nothing older.
func TestPurge(t *testing.T) {
	archive := debian(t)
	m := &machine{t: t, root: unpacked(t, archive)}
	m.bring(pack(t, empty(t), runtime.GOARCH, "0.1.0", "deb"), "/root/p.deb")
	older := []string{"/etc/generic-worker/ed25519.key", "/etc/start-worker/secret", "/srv/caches/.old", "/srv/caches/with a space"}
	m.run("mkdir", "/etc/generic-worker", "/etc/start-worker", "/srv/caches")
	m.run("ln", "-s", "/srv/caches", "/var/lib/generic-worker")
	for _, path := range older {
		m.put(path, "older")
	}
	m.run("dpkg", "--install", "/root/p.deb")
	newer := []string{"/etc/start-worker.yml", "/etc/generic-worker/config", "/etc/workerkit/environment", "/var/lib/start-worker/state.json", "/srv/caches/.new", "/srv/caches/new"}
	for _, path := range newer {
		m.put(path, "newer")
	}
	m.run("dpkg", "--remove", "workerkit")
	m.run("dpkg", "--install", "/root/p.deb") // which finds its own files
	out := m.run("dpkg", "--purge", "workerkit")
	if !strings.Contains(out, "is left, in /etc/start-worker /etc/generic-worker /var/lib/generic-worker") {
		t.Errorf("dpkg says %s", out)
	}
	for _, path := range older {
		if !m.has(path) {
			t.Errorf("%s is gone", path)
		}
	}
	for _, path := range append(newer, "/etc/workerkit", "/var/lib/start-worker", "/var/lib/workerkit") {
		if m.has(path) {
			t.Errorf("%s is left", path)
		}
	}
}

// TestRefusals: a package that cannot be installed says why, and leaves nothing.
func TestRefusals(t *testing.T) {
	archive := debian(t)
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	m := &machine{t: t, root: unpacked(t, archive)}
	m.bring(pack(t, empty(t), runtime.GOARCH, "0.1.0", "deb"), "/root/right.deb")
	m.bring(pack(t, empty(t), other, "0.1.0", "deb"), "/root/wrong.deb")
	const unit = "/etc/systemd/system/start-worker.service"
	for name, c := range map[string]struct {
		before, after func()
		args          []string
		want          string
	}{
		"another architecture": {nil, nil, []string{"dpkg", "--install", "/root/wrong.deb"}, "does not match system"},
		"no privileges":        {nil, nil, []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "dpkg", "--install", "/root/right.deb"}, "superuser privilege"},
		"a unit by hand": {
			func() { m.put(unit, "[Service]\nExecStart=/usr/local/bin/start-worker\n") },
			func() { m.run("rm", unit) },
			[]string{"dpkg", "--install", "/root/right.deb"}, unit + " is there already",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.before != nil {
				c.before()
				defer c.after()
			}
			out, err := m.try(c.args...)
			m.refused(t, out, err, c.want)
		})
	}
	t.Run("read-only", func(t *testing.T) {
		const script = `mount --bind "$0/usr" "$0/usr" && mount -o remount,bind,ro "$0/usr" && chroot "$0" dpkg --install /root/right.deb`
		out, err := exec.Command("unshare", "--mount", "sh", "-c", script, m.root).CombinedOutput()
		m.refused(t, string(out), err, "is the file system read-only?")
	})
}

// refused looks whether an installation has failed for that reason, with nothing left of it.
func (m *machine) refused(t *testing.T, out string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(out, want) {
		t.Errorf("%v, says\n%s\nwant %q", err, out, want)
	}
	for _, path := range []string{"/usr/bin/start-worker", "/usr/lib/systemd/system/start-worker.service", "/var/lib/start-worker", "/var/lib/workerkit"} {
		if m.has(path) {
			t.Errorf("there is %s", path)
		}
	}
	out, _ = m.try("dpkg-query", "--show", "--showformat=${db:Status-Status}", "workerkit")
	if strings.HasPrefix(out, "installed") || strings.HasPrefix(out, "half") || strings.HasPrefix(out, "unpacked") {
		t.Errorf("dpkg says that it is %s", out)
	}
}

// TestHalfAnInstallation is completed by the next.
func TestHalfAnInstallation(t *testing.T) {
	archive := debian(t)
	m := &machine{t: t, root: unpacked(t, archive)}
	m.bring(pack(t, empty(t), runtime.GOARCH, "0.1.0", "deb"), "/root/p.deb")
	m.run("dpkg", "--unpack", "/root/p.deb")
	const wanted = "/etc/systemd/system/multi-user.target.wants/start-worker.service"
	if m.has(wanted) {
		t.Fatal("it is enabled already")
	}
	m.run("dpkg", "--configure", "--pending")
	if !m.has(wanted) {
		t.Error("it is not enabled")
	}
	m.run("systemctl", "disable", "start-worker.service")
	m.run("dpkg", "--install", "/root/p.deb")
	if m.has(wanted) {
		t.Error("what somebody has disabled is enabled again by an upgrade")
	}
	m.run("systemctl", "enable", "start-worker.service")
	m.run("dpkg", "--remove", "workerkit")
	if m.has(wanted) || m.has("/usr/bin/start-worker") || !m.has("/var/lib/start-worker") {
		t.Error("after the removal there is the service, or no state")
	}
	m.run("dpkg", "--install", "/root/p.deb")
	if !m.has(wanted) {
		t.Error("it is not enabled after it has come back")
	}
}

// TestAUnitOfTheMachine was made of the package's, as by systemctl edit --full: it is no reason to
// refuse an upgrade, which says that it counts.
func TestAUnitOfTheMachine(t *testing.T) {
	const own = "/etc/systemd/system/start-worker.service"
	archive := debian(t)
	m := &machine{t: t, root: unpacked(t, archive)}
	for _, version := range []string{"0.1.0", "0.2.0"} {
		m.bring(pack(t, empty(t), runtime.GOARCH, version, "deb"), "/root/"+version+".deb")
	}
	out := m.run("dpkg", "--install", "/root/0.1.0.deb")
	if strings.Contains(out, own) {
		t.Errorf("without one dpkg says %s", out)
	}
	m.run("cp", "/usr/lib/systemd/system/start-worker.service", own)
	for _, step := range []struct {
		name   string
		before func()
	}{
		{"an upgrade", func() {}},
		{"after a removal", func() { m.run("dpkg", "--remove", "workerkit") }},
	} {
		step.before()
		out, err := m.try("dpkg", "--install", "/root/0.2.0.deb")
		if err != nil || !strings.Contains(out, own+" counts instead of the package's") {
			t.Errorf("%s: %v, %s", step.name, err, out)
		}
	}
	if got := m.run("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "workerkit"); got != "installed 0.2.0" {
		t.Errorf("dpkg says %s", got)
	}
	if !m.has(own) {
		t.Error("the unit of the machine is gone")
	}
}

// TestRPM installs, upgrades and erases the .rpm, without what it depends on: the system is Debian.
func TestRPM(t *testing.T) {
	need(t, "rpm")
	archive := debian(t)
	m := &machine{t: t, root: unpacked(t, archive)}
	arch := runtime.GOARCH
	try := func(args ...string) (string, error) {
		line := append([]string{"--root", m.root, "--nodeps", "--nosignature"}, args...)
		out, err := exec.Command("rpm", line...).CombinedOutput()
		return string(out), err
	}
	rpm := func(args ...string) string {
		t.Helper()
		out, err := try(args...)
		if err != nil {
			t.Fatalf("rpm %v: %v\n%s", args, err, out)
		}
		return out
	}
	if err := os.MkdirAll(filepath.Join(m.root, "var/lib/rpm"), 0o755); err != nil { //nolint:gosec // as rpm has it
		t.Fatal(err)
	}
	one := pack(t, empty(t), arch, "0.1.0", "rpm")
	const own = "/etc/systemd/system/start-worker.service"
	m.put(own, "[Service]\nExecStart=/usr/local/bin/start-worker\n")
	if out, err := try("--install", one); err == nil || !strings.Contains(out, own+" is there already") || m.has("/usr/bin/start-worker") {
		t.Errorf("under a unit by hand: %v, %s", err, out)
	}
	m.run("rm", own)
	rpm("--install", one)
	const wanted = "/etc/systemd/system/multi-user.target.wants/start-worker.service"
	if !m.has(wanted) || !m.has("/usr/bin/generic-worker-insecure") {
		t.Error("it is not installed, or not enabled")
	}
	m.run("cp", "/usr/lib/systemd/system/start-worker.service", own)
	if out := rpm("--upgrade", pack(t, empty(t), arch, "0.2.0", "rpm")); !strings.Contains(out, own+" counts instead of the package's") {
		t.Errorf("an upgrade under a unit of the machine says %s", out)
	}
	m.run("rm", own)
	if !m.has(wanted) || !m.has("/usr/bin/start-worker") {
		t.Error("after an upgrade it is not enabled, or not there")
	}
	rpm("--erase", "workerkit")
	if m.has(wanted) || m.has("/usr/bin/start-worker") || !m.has("/var/lib/start-worker") {
		t.Error("after it was erased there is the service, or no state")
	}
}
