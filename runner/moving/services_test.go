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
		"the folder":          {moving.FindDir("windows", root, "", found), `C:\generic-worker`}, // the worker's, not the runner's
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

// TestScripts: other lines of a script name a program, or a file of one, as well.
func TestScripts(t *testing.T) {
	for _, c := range []struct{ command, script, config, dir string }{
		{"/usr/local/bin/worker.sh", "rm -f /etc/start-worker-cache.json\nmkdir -p /etc/generic-worker\nchmod +x /usr/local/bin/start-worker\n" +
			"cp new/start-worker /usr/local/bin/start-worker\ncd /srv\nexec /usr/local/bin/start-worker /etc/mine.yml\ncd /other\nstart-worker /etc/second.yml\n", "/etc/mine.yml", "/srv"},
		{`/bin/sh -c "cd /srv && exec /usr/local/bin/start-worker /etc/mine.yml; echo worker has ended"`, "", "/etc/mine.yml", "/srv"},
	} {
		root := t.TempDir()
		put(t, filepath.Join(root, "etc/systemd/system/worker.service"), "[Service]\nExecStart="+c.command+"\n")
		put(t, filepath.Join(root, "usr/local/bin/worker.sh"), c.script)
		found := moving.Services("linux", root, nil)
		config, dir := moving.FindRunner("linux", root, found), moving.FindDir("linux", root, "", found)
		if config != c.config || dir != c.dir {
			t.Errorf("%s: the config is %q, the folder %q: %+v", c.command, config, dir, found)
		}
	}
}

// TestDropIns: what systemctl edit has added to a unit counts.
func TestDropIns(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "etc/systemd/system/start-worker.service"), "[Service]\nExecStart=/usr/bin/start-worker old.yml\nTimeoutStopSec=20\n[Install]\nWantedBy=x")
	put(t, filepath.Join(root, "usr/lib/systemd/system/start-worker.service.d/a.conf"), "[Service]\nTimeoutStopSec=30\n")
	put(t, filepath.Join(root, "etc/systemd/system/start-worker.service.d/b.conf"), "[Service]\nDelegate=yes\nTimeoutStopSec=180\nExecStart=\nExecStart=/usr/bin/start-worker new.yml\n")
	found := moving.Services("linux", root, nil)
	if got := moving.FindRunner("linux", root, found); got != "new.yml" {
		t.Errorf("the config is %q", got)
	}
	if r := text(moving.Over(moving.Machine{OS: "linux", Root: root, Services: found})); strings.Contains(r, "Delegate") || strings.Contains(r, "TimeoutStopSec") {
		t.Error(r)
	}
}

// TestServiceOfAWorker: what is said of start-worker's service is not true of a worker's own; and what a
// command sets before the program is nobody's business.
func TestServiceOfAWorker(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "etc/systemd/system/gw.service"), "[Service]\nExecStart=/usr/bin/env TOKEN=SEKRIT /usr/bin/generic-worker run --config /c\nRestart=always\nTimeoutStopSec=20\n")
	put(t, filepath.Join(root, "Library/LaunchDaemons/gw.plist"), "<plist><dict><key>KeepAlive</key><true/><key>ProgramArguments</key><array><string>generic-worker</string><string>run</string></array></dict></plist>")
	for system, want := range map[string]string{"linux": "gw.service: starts /usr/bin/generic-worker run:", "darwin": "gw.plist: starts generic-worker run:"} {
		r := text(moving.Over(moving.Machine{OS: system, Root: root, Services: moving.Services(system, root, nil)}))
		for _, not := range []string{"Restart=", "TimeoutStopSec", "ExitTimeOut", "KeepAlive", "SEKRIT"} {
			if strings.Contains(r, not) {
				t.Errorf("%s has %s:\n%s", system, not, r)
			}
		}
		if !strings.Contains(r, want) {
			t.Errorf("%s: no %q in\n%s", system, want, r)
		}
	}
}

// TestOurOwnServices have nothing to be put right, and what only makes a key is none of them.
func TestOurOwnServices(t *testing.T) {
	repo, root := filepath.Join("..", ".."), t.TempDir()
	for from, to := range map[string]string{
		"packer/templates/root/start-worker.service":       "usr/lib/systemd/system/start-worker.service",
		"packer/templates/root/workerkit-key.service":      "usr/lib/systemd/system/workerkit-key.service",
		"packaging/macos/org.workerkit.start-worker.plist": "Library/LaunchDaemons/org.workerkit.start-worker.plist",
		"packaging/freebsd/rc.d/start_worker":              "usr/local/etc/rc.d/start_worker",
	} {
		data, err := os.ReadFile(filepath.Join(repo, filepath.FromSlash(from)))
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(root, to), string(data))
	}
	for system, want := range map[string]string{
		"linux":   "stays /usr/lib/systemd/system/start-worker.service: starts start-worker /etc/start-worker.yml: it is ours already",
		"darwin":  "stays /Library/LaunchDaemons/org.workerkit.start-worker.plist: starts /usr/local/bin/start-worker /etc/start-worker.yml: it is ours already",
		"freebsd": "stays /usr/local/etc/rc.d/start_worker: starts /usr/local/bin/start-worker /usr/local/etc/start-worker.yml: it is ours already",
	} {
		r := text(moving.Over(moving.Machine{OS: system, Root: root, Services: moving.Services(system, root, nil)}))
		if !strings.Contains(r, want) || strings.Contains(r, "workerkit-key") || strings.Contains(r, "differs /") {
			t.Errorf("%s:\n%s", system, r)
		}
	}
}

// TestScriptsOfRC: what rc.subr makes of a script's variables and of rc.conf is what the script starts.
func TestScriptsOfRC(t *testing.T) {
	own, err := os.ReadFile(filepath.Join("..", "..", "packaging", "freebsd", "rc.d", "start_worker"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ script, conf, config, dir, user, restarts string }{
		"ours":            {script: string(own), config: "/usr/local/etc/start-worker.yml", dir: "/var/db/generic-worker"},
		"ours, set":       {script: string(own), conf: "start_worker_config='/etc/w.yml' # ours\nstart_worker_dir=\"/srv\" # there\n", config: "/etc/w.yml", dir: "/srv"},
		"flags":           {script: "name=w\nload_rc_config $name\ncommand=/usr/local/bin/start-worker\nw_user=ci\n", conf: "w_flags=\"/f.yml\"", config: "/f.yml", user: "ci"},
		"another one":     {script: "name=w\ncommand=/bin/none\nload_rc_config $name\ncommand_args=/g.yml", conf: "w_program=/opt/start-worker", config: "/g.yml"},
		"a function":      {script: "name=w\n: ${w_conf:=/h.yml}\nstart_cmd=go\ngo() {\n  cd /srv/w\n  /usr/sbin/daemon -f /usr/local/bin/start-worker ${w_conf}\n}\n", config: "/h.yml", dir: "/srv/w"},
		"daemon":          {script: "name=w\ncommand=/usr/sbin/daemon\ncommand_args=\"-cfR 5 -uci -o /log start-worker \\\n /i.yml\"", config: "/i.yml", user: "ci", restarts: "-R"},
		"set before":      {script: "name=w\nw_conf=/no.yml\nload_rc_config w\ncommand=start-worker\ncommand_args=$w_conf", conf: "w_conf=/j.yml", config: "/j.yml"},
		"a default":       {script: "name=w\ncommand=start-worker\ncommand_args=\"${w_conf:-/k.yml}\"", config: "/k.yml"},
		"nothing of ours": {script: "name=nginx\ncommand=/usr/local/sbin/nginx\n"},
	} {
		root := t.TempDir()
		put(t, filepath.Join(root, "usr/local/etc/rc.d/w"), c.script)
		put(t, filepath.Join(root, "etc/rc.conf"), c.conf)
		found := moving.Services("freebsd", root, nil)
		if c.config == "" {
			if len(found) != 0 {
				t.Errorf("%s: %+v", name, found)
			}
			continue
		}
		if len(found) != 1 {
			t.Errorf("%s: %+v", name, found)
			continue
		}
		got := [4]string{moving.FindRunner("freebsd", root, found), found[0].Dir, found[0].Keys["User"], found[0].Keys["restarts"]}
		if want := [4]string{c.config, c.dir, c.user, c.restarts}; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestOneshotWorker: a unit that is a worker is looked at, whatever its type.
func TestOneshotWorker(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "etc/systemd/system/once.service"), "[Service]\nType=oneshot\nExecStart=/usr/bin/start-worker /c.yml\n")
	if found := moving.Services("linux", root, nil); len(found) != 1 {
		t.Errorf("%+v", found)
	}
}

// TestWhatChoosesTheEngine is what is said of it.
func TestWhatChoosesTheEngine(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "runner.yml"), "worker: {workerkit: {engine: multiuser}}")
	for _, c := range []struct{ runner, path, want string }{
		{"/runner.yml", "/usr/bin/generic-worker", "multiuser, by the key workerkit.engine\n  -> make it insecure"},
		{"", "/usr/bin/generic-worker-multiuser", "multiuser, by its name\n  -> call"},
		{"", "/usr/bin/generic-worker", "multiuser, by its user\n  -> call"},
	} {
		r := text(moving.Over(moving.Machine{OS: "linux", Root: root, RunnerFile: c.runner, WorkerPath: c.path, WorkerVersion: "generic-worker (insecure engine) 106.0.0"}))
		if !strings.Contains(r, c.want) {
			t.Errorf("no %q in\n%s", c.want, r)
		}
	}
}

// TestMissingConfig: a worker alone does not start without its config.
func TestMissingConfig(t *testing.T) {
	r := moving.Over(moving.Machine{OS: "linux", Root: t.TempDir(), WorkerFile: "/none"})
	if !r.Blocked() || !strings.Contains(text(r), "blocks /none: it is not there\n  -> name the worker's config") {
		t.Error(text(r))
	}
}

// TestBackSigningKey: a worker that needs its key does not come back without it.
func TestBackSigningKey(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "config"), `{"ed25519SigningKeyLocation": "/key"}`)
	r := moving.Back(moving.Machine{OS: "linux", Root: root, WorkerFile: "/config", Dir: "/", Ours: true, WorkerVersion: "generic-worker (multiuser engine) 1 workerkit"})
	if !r.Blocked() || !strings.Contains(text(r), "blocks /key: the signing key is missing") {
		t.Error(text(r))
	}
}

// TestEngineOfOurs is the one that it says itself: a release's file has one built in, whatever it is called.
func TestEngineOfOurs(t *testing.T) {
	m := moving.Machine{OS: "linux", Ours: true, WorkerPath: "/usr/local/bin/generic-worker", WorkerVersion: "generic-worker (insecure engine) 1.2.3 workerkit"}
	if r := text(moving.Back(m)); !strings.Contains(r, "install the public generic-worker-insecure") {
		t.Error(r)
	}
	m = moving.Machine{OS: "darwin", WorkerPath: "/usr/local/bin/generic-worker", WorkerVersion: "generic-worker (insecure engine) 106.0.0",
		Services: []moving.Service{{Keys: map[string]string{"UserName": "worker"}}}}
	if r := moving.Over(m); r.Blocked() {
		t.Error("launchd starts it as another user than root:\n" + text(r))
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
	if r := moving.Back(moving.Machine{OS: "linux", Root: root, WorkerFile: "/config"}); !r.Blocked() {
		t.Error("back:\n" + text(r))
	}
	// Of a runner config that cannot be read nothing is made up.
	if r := moving.Back(moving.Machine{OS: "linux", Root: root, RunnerFile: "/config", Dir: "/"}); len(r.Findings) > 0 || r.Findings == nil {
		t.Errorf("back: %+v", r.Findings)
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
