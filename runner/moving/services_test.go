package moving_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/runner/moving"
	"github.com/workerkit/workerkit/runner/swaptest"
)

// TestNSSM: what NSSM has in the registry is a service of the programs when it starts one, itself or by
// the batch file, which then is not another one.
func TestNSSM(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "generic-worker/run-generic-worker.bat"), "cd C:\\generic-worker\r\n.\\generic-worker.exe run --config \"C:\\generic worker\\config\" --with-worker-runner\r\n")
	var registry []moving.Service
	for _, c := range []struct{ key, program, parameters, dir string }{
		{"worker-runner", `C:\worker-runner\start-worker.exe`, `"C:\worker runner\runner.yml"`, `C:\worker-runner`},
		{"Generic Worker", `C:\generic-worker\run-generic-worker.bat`, "", ""},
		{"another", `C:\other.exe`, "", ""},
	} {
		s, ok := moving.FromNSSM(c.key, func(name string) string {
			return map[string]string{"Application": c.program, "AppParameters": c.parameters, "AppDirectory": c.dir}[name]
		})
		if !ok {
			t.Error(c.key)
		}
		registry = append(registry, s)
	}
	if s, ok := moving.FromNSSM("none", func(string) string { return "" }); ok {
		t.Errorf("%+v", s)
	}
	found := moving.Services("windows", root, registry)
	if len(found) != 2 || found[0].File != "worker-runner" || found[1].File != "Generic Worker" {
		t.Fatalf("%+v", found)
	}
	for what, c := range map[string][2]string{
		"the runner's config": {moving.FindRunner("windows", root, found), `C:\worker runner\runner.yml`},
		"the worker's config": {moving.FindWorker("windows", root, found), `C:\generic worker\config`},
		"the worker":          {moving.FindProgram("windows", found), `C:\generic-worker\generic-worker.exe`},
		"the folder":          {moving.FindDir("windows", root, "", found[1:]), `C:\generic-worker`},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is %s", what, c[0])
		}
	}
}

// TestOneUnitOfAName: what is in /etc counts, as for systemd.
func TestOneUnitOfAName(t *testing.T) {
	root := t.TempDir()
	for dir, config := range map[string]string{"etc/systemd/system": "mine.yml", "usr/lib/systemd/system": "packaged.yml", "lib/systemd/system": "packaged.yml"} {
		put(t, filepath.Join(root, dir, "start-worker.service"), "[Unit]\nExecStart=no\n[Service]\n# ExecStart=no\nExecStart=/usr/bin/start-worker "+config+"\nRestart=always\nTimeoutStopSec=1min 30s\n")
		put(t, filepath.Join(root, dir, "other.service"), "[Service]\nExecStart=/usr/bin/other-worker\n")
	}
	found := moving.Services("linux", root, nil)
	if len(found) != 1 || moving.FindRunner("linux", root, found) != "mine.yml" || found[0].File != "/etc/systemd/system/start-worker.service" {
		t.Fatalf("%+v", found)
	}
	r := text(moving.Over(moving.Machine{OS: "linux", Root: root, Services: found}))
	if !strings.Contains(r, "Restart=always") || strings.Contains(r, "TimeoutStopSec") {
		t.Error(r)
	}
}

// TestFindProgram: it will be asked for its version, so it is never one of the same name in another folder.
func TestFindProgram(t *testing.T) {
	for _, c := range []struct{ word, dir, want string }{
		{"/usr/local/bin/generic-worker", "", "/usr/local/bin/generic-worker"},
		{"./generic-worker", "/srv", "/srv/generic-worker"},
		{"./generic-worker", "", ""},
		{"bin/generic-worker", "", ""},
		{"generic-worker-insecure", "/srv", "generic-worker-insecure"},
		{"/usr/bin/start-worker", "/srv", ""},
	} {
		if got := moving.FindProgram("linux", []moving.Service{{Command: []string{"env", c.word}, Dir: c.dir}}); got != c.want {
			t.Errorf("%s in %q: %q", c.word, c.dir, got)
		}
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWhatCannotBeRead blocks, and says as whom to ask again.
func TestWhatCannotBeRead(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := moving.Over(moving.Machine{OS: "linux", Root: root, WorkerFile: "/config"})
	if !r.Blocked() || !strings.Contains(text(r), "blocks /config: it cannot be read") {
		t.Error(text(r))
	}
	if os.Geteuid() == 0 {
		t.Skip("the other half needs a user who is not root, who may read everything")
	}
	put(t, filepath.Join(root, "closed"), "{}")
	if err := os.Chmod(filepath.Join(root, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	r = moving.Over(moving.Machine{OS: "linux", Root: root, WorkerFile: "/closed"})
	if !r.Blocked() || !strings.Contains(text(r), "as the user that runs the worker") {
		t.Error(text(r))
	}
}

// TestPublicKeys: the strict stand-in for the public worker takes them, but for those of other builds than
// its own, and no others.
func TestPublicKeys(t *testing.T) {
	others := map[string]bool{"enableRDP": true, "enableRunAsAdministrator": true, "enableRunTaskAsCurrentUser": true, "headlessTasks": true}
	stand := map[string]bool{}
	for field := range reflect.TypeFor[swaptest.Config]().Fields() {
		stand[field.Tag.Get("json")] = true
	}
	for _, key := range moving.PublicKeys() {
		if !stand[key] && !others[key] {
			t.Errorf("the stand-in does not know %s", key)
		}
		delete(stand, key)
	}
	if len(stand) > 0 {
		t.Errorf("the stand-in knows more: %v", stand)
	}
}

// TestConfigsOfARealDeployment: what the public start-worker rendered there has no key that is in the way.
func TestConfigsOfARealDeployment(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "taskcluster", "samples", "rendered-configs.txt"))
	if err != nil {
		t.Skip("the samples of a real deployment are not beside this repository:", err)
	}
	samples := strings.Split(string(data), "\n// ")[1:]
	for _, sample := range samples {
		name, config, _ := strings.Cut(sample, "\n")
		root := t.TempDir()
		put(t, filepath.Join(root, "config"), config)
		put(t, filepath.Join(root, "srv/worker/ed25519_key"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
		r := moving.Over(moving.Machine{OS: "linux", Root: root, WorkerFile: "/config", WorkerPath: "/usr/local/bin/generic-worker-insecure"})
		got := text(r)
		if r.Blocked() || strings.Contains(got, "no public worker of today knows") || !strings.Contains(got, "stays /config: ") {
			t.Errorf("%s:\n%s", name, got)
		}
		if strings.Contains(got, "instanceID") != strings.Contains(config, `"instanceID"`) {
			t.Errorf("%s: instanceID:\n%s", name, got)
		}
	}
	if len(samples) != 4 {
		t.Errorf("%d samples", len(samples))
	}
}
