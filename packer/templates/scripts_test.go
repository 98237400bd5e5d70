package templates_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer/templates"
)

func shellScripts(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"scripts/linux/*.sh", "root/*.sh"} {
		found, err := fs.Glob(templates.Files(), pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		all = append(all, found...)
	}
	return all
}

func TestShellcheck(t *testing.T) {
	path, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed (apt-get install shellcheck)")
	}
	if out, err := exec.CommandContext(t.Context(), path, shellScripts(t)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnits: systemd takes an empty unit for a masked one, and one that nothing wants is not started.
func TestUnits(t *testing.T) {
	units, err := fs.Glob(templates.Files(), "root/*.service")
	if err != nil || len(units) == 0 {
		t.Fatalf("%v, %v", units, err)
	}
	for _, unit := range units {
		text, err := fs.ReadFile(templates.Files(), unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"[Unit]", "Description=", "[Service]", "ExecStart=", "[Install]"} {
			if !strings.Contains("\n"+string(text), "\n"+line) {
				t.Errorf("%s has no line %s", unit, line)
			}
		}
	}
}

// TestEveryScriptIsRun: a script that neither the template nor another script names is forgotten,
// and one that stops at nothing hides what failed.
func TestEveryScriptIsRun(t *testing.T) {
	read := func(name string) string {
		data, err := fs.ReadFile(templates.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	build := read("linux.pkr.hcl")
	steps := strings.Fields(read("scripts/linux/provision.sh"))
	clean := read("scripts/linux/clean.sh")
	for _, name := range shellScripts(t) {
		text := read(name)
		if !strings.HasPrefix(text, "#!/bin/sh\n") || !strings.Contains(text, "\nset -eu\n") {
			t.Errorf("%s does not begin with #!/bin/sh, or goes on after errors", name)
		}
		base := filepath.Base(name)
		step := strings.TrimSuffix(base, ".sh")
		run := strings.Contains(build, name) || slices.Contains(steps, step) || slices.Contains(steps, step+";") || slices.Contains(steps, "step="+step)
		if strings.HasPrefix(name, "scripts/") && !run && !strings.Contains(clean, "/"+base) {
			t.Errorf("nothing runs %s", name)
		}
	}
}

// TestUnitsWantWhatIsThere: each program of ours that a unit runs is installed by a script.
func TestUnitsWantWhatIsThere(t *testing.T) {
	units, err := fs.Glob(templates.Files(), "root/*.service")
	if err != nil || len(units) < 4 {
		t.Fatalf("%v, %v", units, err)
	}
	var scripts strings.Builder
	for _, name := range shellScripts(t) {
		data, err := fs.ReadFile(templates.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		scripts.Write(data)
	}
	for _, name := range units {
		if !strings.Contains(scripts.String(), filepath.Base(name)) && name != "root/start-worker.service" {
			t.Errorf("no script installs %s", name)
		}
		data, err := fs.ReadFile(templates.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		for word := range strings.FieldsSeq(string(data)) {
			if path := strings.TrimPrefix(word, "ExecStart="); strings.HasPrefix(path, "/usr/local/lib/") && !strings.Contains(scripts.String(), path) {
				t.Errorf("%s runs %s, which no script installs", name, path)
			}
		}
	}
}

// root makes a root file system of a few files.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func hygiene(t *testing.T, args ...string) (string, int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the script is for Linux images, and is run on Linux")
	}
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"scripts/linux/hygiene.sh"}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func clean() map[string]string {
	return map[string]string{"etc/machine-id": "", "etc/ssh/sshd_config": "x", "etc/generic-worker/of-the-definition": "x", "root/.bashrc": "x", "home/admin/.profile": "x", "var/log/journal/.keep": "", "usr/share/doc/key": "-----BEGIN PRIVATE KEY-----"}
}

func TestHygieneOfCleanRoot(t *testing.T) {
	if out, code := hygiene(t, root(t, clean())); code != 0 || out != "hygiene: clean\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestHygieneNamesEachTrace puts one trace at a time into a clean root.
func TestHygieneNamesEachTrace(t *testing.T) {
	for name, text := range map[string]string{
		"etc/ssh/ssh_host_ed25519_key": "x", "etc/machine-id": "0123456789abcdef0123456789abcdef\n", "var/lib/dbus/machine-id": "01\n",
		"var/lib/systemd/random-seed": "x", "etc/generic-worker/ed25519.key": "x", "etc/generic-worker/config": "{}", "var/lib/start-worker/state.json": "{}",
		"var/lib/cloud/instance/obj.pkl": "x", "var/lib/waagent/ovf-env.xml": "x", "root/.bash_history": "x", "home/admin/.ssh/authorized_keys": "x",
		"home/admin/.aws/credentials": "x", "root/.netrc": "x", "var/log/auth.log": "x", "var/log/journal/1/system.journal": "x",
		"var/lib/apt/lists/deb_Packages": "x", "var/cache/apt/archives/a.deb": "x", "tmp/script_1.sh": "", "var/tmp/workerkit/image/x": "",
		"etc/netplan/50-cloud-init.yaml": "x", "var/lib/dhcp/dhclient.leases": "x",
		"opt/a/key.txt": "a\n-----BEGIN OPENSSH PRIVATE KEY-----\nb\n", "srv/config": "id = AKIAABCDEFGHIJKLMNOP\n",
	} {
		files := clean()
		files[name] = text
		out, code := hygiene(t, root(t, files))
		if code != 1 || !strings.Contains(out, "trace: /"+name[:min(len(name), 12)]) || !strings.Contains(out, "hygiene: ") {
			t.Errorf("%s: exit code %d: %s", name, code, out)
		}
	}
}

func TestHygieneFindsSecrets(t *testing.T) {
	files := clean()
	files["etc/app/config"] = "password: hunter2hunter2\n"
	dir := root(t, files)
	secrets := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(secrets, []byte("hunter2hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := hygiene(t, dir, secrets); code != 1 || out != "trace: /etc/app/config: secret of the build\nhygiene: 1 traces\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := hygiene(t, filepath.Join(dir, "none")); code != 2 || !strings.Contains(out, "no root file system") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestFilesAreEmbedded: what stands in the folder is what the program brings along.
func TestFilesAreEmbedded(t *testing.T) {
	var missing []string
	for _, folder := range []string{"root", "scripts/linux", "scripts/windows"} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, err := fs.Stat(templates.Files(), folder+"/"+e.Name()); err != nil {
				missing = append(missing, e.Name())
			}
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		t.Errorf("not embedded: %s", missing)
	}
}
