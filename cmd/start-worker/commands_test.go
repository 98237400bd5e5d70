package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/doctor"
)

// ask runs another command on the rig's machine.
func (r *rig) ask(args ...string) (code int, stdout, stderr string) {
	r.t.Helper()
	cmd := exec.Command("start-worker", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), placesEnv+"="+r.dir, "TEST_WORKER_ID="+r.worker.ID)
	var out, errs lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 5 * time.Second
	_ = cmd.Run() // the exit code says it
	r.scan(out.String(), errs.String())
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// socket is a path that is short enough for a socket.
func (r *rig) socket() string {
	r.t.Helper()
	dir, err := os.MkdirTemp("", "sw")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir + "/s"
}

// awaitState waits until the running start-worker is in a state.
func (r *rig) awaitState(socket string, want control.State) control.Status {
	r.t.Helper()
	var s control.Status
	var err error
	for range 2000 {
		if s, err = control.NewClient(socket).Status(r.t.Context()); err == nil && s.State == want {
			return s
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.t.Fatalf("not %s: %+v, %v", want, s, err)
	return s
}

func TestStatusAndDrain(t *testing.T) {
	r := newRig(t)
	socket := r.socket()
	r.config("controlSocket: " + socket + "\n")
	s := r.start("await:graceful-termination say:draining exit:72")
	r.awaitState(socket, control.Working)
	code, stdout, stderr := r.ask("status", "runner.yml")
	for _, want := range []string{"state        working, since ", "worker       local/worker-1 of proj/linux", "provider     static", "phase        register"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("exit %d, no %q in\n%s%s", code, want, stdout, stderr)
		}
	}
	var asJSON control.Status
	if code, stdout, stderr = r.ask("status", "--json", "--socket", socket); code != 0 || json.Unmarshal([]byte(stdout), &asJSON) != nil || asJSON.WorkerPID == 0 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr = r.ask("drain", "runner.yml"); code != 0 || !strings.Contains(stdout, "asked to finish its tasks") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
	if !strings.Contains(r.inbox(), `~{"type":"graceful-termination","finish-tasks":true}`) {
		t.Errorf("the worker heard %s", r.inbox())
	}
	if code, _, stderr = r.ask("status", "runner.yml"); code != 1 || !strings.Contains(stderr, "no start-worker is running") {
		t.Errorf("after the end: exit %d: %s", code, stderr)
	}
}

func TestDrainNow(t *testing.T) {
	r := newRig(t)
	socket := r.socket()
	r.config("controlSocket: " + socket + "\n")
	s := r.start("await:graceful-termination exit:72")
	r.awaitState(socket, control.Working)
	if code, _, stderr := r.ask("drain", "--now", "runner.yml"); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if code := s.wait(); code != 0 || !strings.Contains(r.inbox(), `"finish-tasks":false`) {
		t.Errorf("exit %d, the worker heard %s", code, r.inbox())
	}
}

// TestASocketThatCannotBeMade costs a warning and nothing else.
func TestASocketThatCannotBeMade(t *testing.T) {
	r := newRig(t)
	r.config("controlSocket: " + r.path("secret") + "\n")
	code, s := r.run("await:welcome exit:0")
	if code != 0 || !strings.Contains(s.stderr.String(), "is there and is no socket") {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
}

// TestAHeldMachineStays: a machine of a cloud whose config cannot be read is switched off, but
// not while the hold file is there.
func TestAHeldMachineStays(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this test sends a signal")
	}
	r := newRig(t)
	r.file("runner.yml", "provider: {}\npolicy: {lost: {hold: 0s}}\n")
	r.file("hold", "")
	s := r.start("", vendorEnv+"=Amazon EC2")
	s.until("not released while this file is there")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.wait(); code != 1 {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
	if _, err := os.Stat(r.path("poweroff")); err == nil {
		t.Error("the machine was switched off")
	}
}

func TestLogAsJSON(t *testing.T) {
	r := newRig(t)
	r.config("logging: {implementation: stdio, format: json}\n")
	code, s := r.run("say:hello exit:0")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, s.stderr.String())
	}
	said := false
	for line := range strings.Lines(s.stderr.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("no JSON: %s", line)
		}
		if record["msg"] == "hello" {
			said = record["workerId"] == "worker-1" && record["workerPoolId"] == pool
		}
	}
	if !said {
		t.Errorf("the worker's line does not say whose it is:\n%s", s.stderr.String())
	}
}

func TestADoctorWhoFindsNothing(t *testing.T) {
	r := newRig(t)
	code, stdout, stderr := r.ask("doctor", "--json", "runner.yml")
	var found []doctor.Finding
	if err := json.Unmarshal([]byte(stdout), &found); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	results := map[string]doctor.Result{}
	for _, f := range found {
		results[f.Check] = f.Result
	}
	for _, check := range []string{"config", "place", "identity", "DNS", "root URL", "clock", "proxy", "certificates", "worker's config", "worker", "control socket"} {
		if results[check] != doctor.OK {
			t.Errorf("%s: %q\n%s", check, results[check], stdout)
		}
	}
}

// TestPrintConfigWithSavedLayers: the pool's and the secrets' layers of the last start are shown.
func TestPrintConfigWithSavedLayers(t *testing.T) {
	r := newRig(t)
	r.config("cacheOverRestarts: " + r.path("state.json") + "\n")
	const hidden = "a-password-in-a-secret"
	r.secrets = append(r.secrets, hidden)
	r.poolConfig(`{"workerConfig":{"genericWorker":{"config":{"capacity":2,"instanceType":"pool"}}}}`)
	r.secret("worker-pool:proj/linux", `{"config":{"sentryProject":"`+hidden+`"}}`)
	if code, s := r.run("exit:0"); code != 0 {
		t.Fatalf("exit %d\n%s", code, s.stderr.String())
	}
	code, stdout, stderr := r.ask("print-config", "runner.yml")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	state := r.path("state.json")
	for _, want := range []string{
		"  tasksDir: tasks # runner.yml:11\n",
		"  capacity: 2 # worker pool, saved in " + state + "\n",
		"  instanceType: pool # worker pool, saved in " + state + "\n",
		`  sentryProject: "[redacted]" # secret, saved in ` + state + "\n",
		"# The layers of the pool and of its secrets are those of the last registration.\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

// TestASecondStartWorker leaves a cloud's machine alone, whatever is wrong with its config.
func TestASecondStartWorker(t *testing.T) {
	r := newRig(t)
	socket := r.socket()
	r.config("controlSocket: " + socket + "\n")
	first := r.start("await:graceful-termination exit:72")
	r.awaitState(socket, control.Working)
	for name, config := range map[string]string{
		"good": "provider: {providerType: aws}\nworker: {implementation: generic-worker, path: fake-worker, configPath: other.json}\ncontrolSocket: " + socket + "\n",
		"bad":  "provider: {}\npolicy: {lost: {hold: 0s}}\ncontrolSocket: " + socket + "\n",
	} {
		r.file("second.yml", config)
		cmd := exec.Command("start-worker", r.path("second.yml"))
		cmd.Dir = r.dir
		cmd.Env = append(os.Environ(), placesEnv+"="+r.dir, powerOffRecord+"="+r.path("poweroff"), vendorEnv+"=Amazon EC2")
		out, _ := cmd.CombinedOutput() // the exit code says it
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "another start-worker looks after this machine") {
			t.Errorf("%s: exit %d\n%s", name, cmd.ProcessState.ExitCode(), out)
		}
	}
	if _, err := os.Stat(r.path("poweroff")); err == nil {
		t.Error("the machine was switched off")
	}
	if code, _, stderr := r.ask("drain", "--now", "runner.yml"); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if code := first.wait(); code != 0 {
		t.Errorf("the first one: exit %d\n%s", code, first.stderr.String())
	}
}
