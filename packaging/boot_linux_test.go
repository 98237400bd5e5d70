package packaging_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"

	"github.com/workerkit/workerkit/local/localtest"
)

const pool = "proj/packages"

// site is a machine and the deployment that its worker works for.
type site struct {
	*machine
	deployment *localtest.Instance
	queue      *tcqueue.Queue
	worker     localtest.Worker
	socket     []string // arguments of start-worker's verbs, where its socket is not the usual one
}

// TestMachine installs the package on a clean Debian, boots that, and has it work. The package is
// upgraded, removed and purged while tasks run, which go on.
func TestMachine(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		if testing.Short() {
			t.Skip("it boots a machine")
		}
		archive := debian(t)
		old := programs(t, runtime.GOARCH, "0.1.0")
		one := pack(t, old, runtime.GOARCH, "0.1.0", "deb")
		sizes(t, filepath.Join(old, "start-worker"), filepath.Join(old, "generic-worker"), one, pack(t, old, runtime.GOARCH, "0.1.0", "rpm"))
		two := pack(t, programs(t, runtime.GOARCH, "0.2.0"), runtime.GOARCH, "0.2.0", "deb")
		isolated(t, map[string]string{"PACKAGING_ROOT": archive, "PACKAGING_ONE": one, "PACKAGING_TWO": two})
		return
	}
	isolated(t, nil)
	s := &site{machine: &machine{t: t, root: unpacked(t, os.Getenv("PACKAGING_ROOT"))}, deployment: localtest.Start(t)}
	s.queue = tcqueue.New(s.deployment.Credentials(), s.deployment.RootURL)
	s.install()
	first := s.create("first")
	s.switchOn()
	s.firstClaim(first)
	s.upgrade(first, "first")
	s.remove()
	s.purge()
	s.unprivileged()
	s.renewals()
	s.crashes()
}

// sizes says how large files are.
func sizes(t *testing.T, files ...string) {
	t.Helper()
	const most = 40 << 20 // of any
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-32s %5.1f MB", filepath.Base(path), float64(info.Size())/1e6)
		if info.Size() > most {
			t.Errorf("%s is too large", path)
		}
	}
}

// install installs the package, as in the making of an image, and configures it.
func (s *site) install() {
	s.t.Helper()
	out := s.run("dpkg", "--install", s.bring(os.Getenv("PACKAGING_ONE"), "/root/one.deb"))
	if !strings.Contains(out, "write /etc/start-worker.yml") {
		s.t.Errorf("dpkg says %s", out)
	}
	for _, path := range []string{"/etc/systemd/system/multi-user.target.wants/start-worker.service", "/var/lib/generic-worker", "/etc/generic-worker"} {
		if !s.has(path) {
			s.t.Errorf("there is no %s", path)
		}
	}
	s.worker = s.deployment.Pool(s.t, pool)
	s.configure("generic-worker-multiuser", "/home", "")
}

// configure writes start-worker's config; more is a line of it.
func (s *site) configure(program, tasks, more string) {
	s.t.Helper()
	s.put("/etc/start-worker/secret", s.worker.Secret)
	s.put("/etc/start-worker.yml", fmt.Sprintf(`
provider:
  providerType: static
  rootURL: %s
  workerPoolID: %s
  workerGroup: %s
  workerID: %s
  staticSecretFile: /etc/start-worker/secret
worker:
  implementation: generic-worker
  path: /usr/bin/%s
  configPath: /etc/generic-worker/config
cacheOverRestarts: /var/lib/start-worker/state.json
workerConfig:
  ed25519SigningKeyLocation: /etc/generic-worker/ed25519.key
  tasksDir: %s
  cachesDir: /var/lib/generic-worker/caches
  downloadsDir: /var/lib/generic-worker/downloads
  headlessTasks: true
%s
`, s.deployment.RootURL, pool, s.worker.Group, s.worker.ID, program, tasks, more))
}

// create makes a task that says who it is and runs until it may end.
func (s *site) create(name string) string {
	s.t.Helper()
	script := "id -un; while [ ! -e /var/tmp/" + name + " ]; do sleep 0.05; done"
	payload, err := json.Marshal(map[string]any{"command": [][]string{{"/bin/sh", "-c", script}}, "maxRunTime": 300})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.deployment.CreateTask(s.t, pool, payload)
}

// last is the last run of a task.
func (s *site) last(task string) tcqueue.RunInformation {
	s.t.Helper()
	status, err := s.queue.Status(task)
	if err != nil {
		s.t.Fatal(err)
	}
	runs := status.Status.Runs
	return runs[len(runs)-1]
}

func (s *site) becomes(task, state string) {
	s.t.Helper()
	s.until("the task is "+state, 60*time.Second, func() bool { return s.last(task).State == state })
	if r := s.last(task); r.RunID != 0 {
		s.t.Errorf("the task was begun %d times", r.RunID+1)
	}
}

// finish lets a task end, and sees that it has come to no harm.
func (s *site) finish(task, name string) {
	s.t.Helper()
	s.put("/var/tmp/"+name, "")
	s.becomes(task, "completed")
}

// firstClaim waits for the first claim, and says how long the machine took to it.
func (s *site) firstClaim(task string) {
	s.t.Helper()
	s.becomes(task, "running")
	claim := time.Time(s.last(task).Started)
	s.until("systemd is ready", 30*time.Second, func() bool { return s.state("ActiveState") == "active" })
	s.until("systemd knows that it works", 30*time.Second, func() bool {
		return strings.HasPrefix(s.state("StatusText"), "working as local/worker-1 of "+pool)
	})
	// The clock of the machine is that of this test, and finer than what systemd shows of times.
	micros, err := strconv.ParseInt(s.state("ExecMainStartTimestampMonotonic"), 10, 64)
	if err != nil {
		s.t.Error(err)
	}
	boot := time.Duration(micros)*time.Microsecond - s.monotonic
	s.until("the boot has finished", 30*time.Second, func() bool {
		out, err := s.try("systemd-analyze", "time")
		s.t.Log(strings.ReplaceAll(out, "\n", "; "))
		return err == nil
	})
	s.t.Logf("power-on to first claim %.2f s, of which %.2f s until systemd starts start-worker", claim.Sub(s.on).Seconds(), boot.Seconds())
}

// upgrade installs the next version while a task runs.
func (s *site) upgrade(running, name string) {
	s.t.Helper()
	pid := s.state("MainPID")
	out := s.run("dpkg", "--install", s.bring(os.Getenv("PACKAGING_TWO"), "/root/two.deb"))
	if strings.Contains(out, "started the next time") {
		s.t.Errorf("start-worker could not be asked to make way: %s", out)
	}
	if s.state("MainPID") != pid || s.last(running).State != "running" {
		s.t.Fatal("the upgrade has stopped the task")
	}
	if v := s.run("start-worker", "--short-version"); v != "0.2.0" {
		s.t.Errorf("installed is %s", v)
	}
	s.finish(running, name)
	s.until("the new version works", 60*time.Second, func() bool {
		out := s.status()
		return strings.Contains(out, `"0.2.0"`) && strings.Contains(out, `"working"`)
	})
	if s.state("MainPID") == pid {
		s.t.Error("start-worker is the same as before")
	}
	next := s.create("after-" + name)
	s.becomes(next, "running")
	if log := s.journal(); !strings.Contains(log, "0.2.0") {
		s.t.Errorf("the worker of the next claim is not the new one\n%s", log)
	}
	s.finish(next, "after-"+name)
}

// status is what start-worker says of itself, in JSON; or that it does not answer.
func (s *site) status() string {
	out, _ := s.try(append([]string{"start-worker", "status", "--json"}, s.socket...)...)
	return out
}

// remove removes the package while a task runs.
func (s *site) remove() {
	s.t.Helper()
	task := s.create("removed")
	s.becomes(task, "running")
	out := s.run("dpkg", "--remove", "workerkit")
	if !strings.Contains(out, "finishes its tasks") || s.has("/usr/bin/generic-worker") {
		s.t.Errorf("dpkg says %s", out)
	}
	s.run("systemctl", "daemon-reload") // as another package may
	if out, err := s.try("dpkg", "--purge", "workerkit"); err == nil || !strings.Contains(out, "purge again when it has ended") {
		s.t.Errorf("a purge under a task: %v, %s", err, out)
	}
	if state := s.last(task).State; state != "running" || s.state("ActiveState") != "active" {
		s.t.Fatalf("the removal has stopped the task: it is %s", state)
	}
	s.finish(task, "removed")
	s.until("the worker has ended", 60*time.Second, func() bool { return s.state("ActiveState") == "inactive" })
	if got := s.state("Result"); got != "success" {
		s.t.Errorf("it ended as %s", got)
	}
}

// purge leaves nothing.
func (s *site) purge() {
	s.t.Helper()
	s.run("dpkg", "--purge", "workerkit")
	for _, path := range []string{"/etc/start-worker.yml", "/etc/start-worker", "/etc/generic-worker", "/var/lib/start-worker", "/var/lib/generic-worker", "/var/lib/workerkit", "/etc/systemd/system/multi-user.target.wants/start-worker.service"} {
		if s.has(path) {
			s.t.Errorf("%s is left", path)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.root, "etc/systemd/system/*/*start-worker*")); left != nil {
		s.t.Errorf("%v are left", left)
	}
}

// unprivileged has a worker that is not root work, as the package's example has it, and make way
// for a new version.
func (s *site) unprivileged() {
	s.t.Helper()
	s.run("dpkg", "--install", "/root/one.deb")
	s.socket = []string{"--socket", "/run/start-worker/socket"}
	s.configure("generic-worker-insecure", "/var/lib/generic-worker/tasks", "controlSocket: /run/start-worker/socket")
	s.run("mkdir", "/etc/systemd/system/start-worker.service.d")
	s.run("cp", "/usr/share/doc/workerkit/examples/unprivileged.conf", "/etc/systemd/system/start-worker.service.d/")
	for _, command := range unprivileged(s.t) {
		s.run("sh", "-c", command)
	}
	task := s.create("unprivileged")
	s.becomes(task, "running")
	s.isUnprivileged()
	s.upgrade(task, "unprivileged")
	s.isUnprivileged()
}

func (s *site) isUnprivileged() {
	s.t.Helper()
	if user := s.run("stat", "--format=%U", "/proc/"+s.state("MainPID")); user != "generic-worker" {
		s.t.Errorf("start-worker is %s", user)
	}
}

// renewals are more than systemd would start a unit in so short a time, were they crashes. The
// worker is not root, and may not tell systemd anything.
func (s *site) renewals() {
	s.t.Helper()
	s.put("/etc/systemd/system/start-worker.service.d/soon.conf", "[Service]\nRestartSec=100ms\n")
	s.run("systemctl", "daemon-reload")
	limit := number(s.t, s.state("StartLimitBurst"))
	for i := range 1 + limit {
		name := fmt.Sprintf("renewal-%d", i)
		task, pid := s.create(name), s.state("MainPID")
		s.becomes(task, "running")
		s.run("systemctl", "reload", "start-worker")
		s.finish(task, name)
		s.another(pid)
	}
	s.t.Logf("start-worker made way %d times, of %d starts that systemd allows in %s", 1+limit, limit, s.state("StartLimitIntervalUSec"))
}

// another waits until systemd has started start-worker once more, and that works.
func (s *site) another(before string) {
	s.t.Helper()
	s.until("start-worker works again", 60*time.Second, func() bool {
		if s.state("ActiveState") == "failed" {
			s.t.Fatalf("systemd starts it no more:\n%s", s.journal())
		}
		return s.state("MainPID") != before && strings.Contains(s.status(), `"working"`)
	})
}

// crashes still come to an end: the last start was asked for, and counts.
func (s *site) crashes() {
	s.t.Helper()
	limit := number(s.t, s.state("StartLimitBurst"))
	for range limit - 1 {
		pid := s.state("MainPID")
		s.run("sh", "-c", "kill -KILL "+pid)
		s.another(pid)
	}
	s.run("sh", "-c", "kill -KILL "+s.state("MainPID"))
	s.until("systemd has given up", 30*time.Second, func() bool { return s.state("ActiveState") == "failed" })
	if log := s.journal(); !strings.Contains(log, "Start request repeated too quickly") {
		s.t.Errorf("it failed otherwise: %s\n%s", s.state("Result"), log)
	}
}

func (s *site) journal() string {
	out, _ := s.try("journalctl", "--no-pager", "--output=cat", "--unit=start-worker")
	return out
}
