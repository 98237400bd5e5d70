package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/runner/swaptest"
)

func TestAMachineBecomesAWorker(t *testing.T) {
	r := newRig(t)
	code, s := r.run("await:welcome say:hello_there say:~{\"type\":\"log\",\"body\":{\"textPayload\":\"structured\",\"n\":7}} exit:0")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, s.stderr.String())
	}
	if diff := cmp.Diff(map[string]int{"registerWorker": 1, "get": 2}, machineCalls(r)); diff != "" {
		t.Errorf("calls: %s", diff)
	}
	for _, line := range []string{"Identified as worker local/worker-1", "hello there\n", "structured; n: 7\n", "WARNING: No worker secrets for worker pool proj/linux."} {
		if !strings.Contains(s.stderr.String(), line) {
			t.Errorf("no %q in the log:\n%s", line, s.stderr.String())
		}
	}
	if want := `~{"type":"welcome","capabilities":["error-report","graceful-termination","log","new-credentials","shutdown"]}` + "\n"; r.inbox() != want {
		t.Errorf("the worker heard %s", r.inbox())
	}
	c := r.rendered()
	for key, want := range map[string]any{
		"rootURL": r.deployment.RootURL, "provisionerId": "proj", "workerType": "linux", "workerGroup": "local", "workerId": "worker-1",
		"clientId": "worker/static/proj/linux/local/worker-1", "publicIP": "127.0.0.1", "instanceId": "i-1",
		"workerLocation": `{"cloud":"static"}`, "tasksDir": "tasks", "capacity": 1.0,
		"workerTypeMetadata": map[string]any{"public-ipv4": "127.0.0.1", "instance-id": "i-1"},
	} {
		if diff := cmp.Diff(want, c[key]); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
	if info, err := os.Stat(r.path("worker.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("worker config: %v, %v", info, err)
	}
}

// machineCalls are the calls that start-worker makes.
func machineCalls(r *rig) map[string]int {
	n := map[string]int{}
	for _, c := range r.deployment.Calls() {
		switch c.Method {
		case "registerWorker", "reregisterWorker", "removeWorker", "reportWorkerError", "get":
			n[c.Method]++
		}
	}
	return n
}

func TestExitCodes(t *testing.T) {
	r := newRig(t)
	for script, want := range map[string]int{
		"exit:0": 0, "exit:68": 0, "exit:71": 1, "await:welcome exit:73": 1,
	} {
		if code, s := r.run(script); code != want {
			t.Errorf("%s: exit %d, want %d\n%s", script, code, want, s.stderr.String())
		}
	}
	if calls := machineCalls(r); calls["removeWorker"] != 0 {
		t.Errorf("a static worker was removed: %v", calls)
	}
}

func TestOurObjectIsForOurWorkerAlone(t *testing.T) {
	r := newRig(t)
	r.poolConfig(`{"workerConfig":{"genericWorker":{"config":{"workerkit":{"fromPool":true}}}}}`)
	if code, s := r.run("exit:0"); code != 0 { // the strict stand-in would exit with 64
		t.Fatalf("exit %d\n%s", code, s.stderr.String())
	}
	if _, there := r.rendered()["workerkit"]; there {
		t.Error("the public worker got the object workerkit")
	}
	if code, s := r.run("exit:0", swaptest.OursEnv+"=1"); code != 0 {
		t.Fatalf("exit %d\n%s", code, s.stderr.String())
	}
	want := map[string]any{"fromRunner": true, "fromPool": true}
	if diff := cmp.Diff(want, r.rendered()["workerkit"]); diff != "" {
		t.Error(diff)
	}
}

func TestTheStandInIsStrict(t *testing.T) {
	r := newRig(t)
	r.config("  noSuchKey: 1\n")
	code, s := r.run("exit:0")
	if code != 1 || !strings.Contains(s.stderr.String(), `unknown field "noSuchKey"`) || !strings.Contains(s.stderr.String(), "exit status 64") {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
}

func TestLayersAndFiles(t *testing.T) {
	r := newRig(t)
	file := func(path, text string) string {
		return `{"description":"a file","path":"` + r.path(path) + `","content":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `","encoding":"base64","format":"file"}`
	}
	const hidden = "a-password-in-a-secret"
	r.secrets = append(r.secrets, hidden, base64.StdEncoding.EncodeToString([]byte(hidden)))
	r.config("  region: file\n  instanceType: file\n  downloadsDir: file\n  sentryProject: file\n")
	r.poolConfig(`{"workerConfig":{"genericWorker":{"config":{"instanceType":"pool","downloadsDir":"pool","sentryProject":"pool"},"files":[` + file("sub/public", "public") + `]}}}`)
	r.secret("worker-type:proj/linux", `{"downloadsDir":"type","sentryProject":"type"}`)
	r.secret("worker-pool:proj/linux", `{"config":{"sentryProject":"`+hidden+`"},"files":[`+file("private", hidden)+`]}`)
	if code, s := r.run("exit:0"); code != 0 {
		t.Fatalf("exit %d\n%s", code, s.stderr.String())
	}
	c := r.rendered()
	for key, want := range map[string]string{"region": "file", "instanceType": "pool", "downloadsDir": "type", "sentryProject": hidden} {
		if c[key] != want {
			t.Errorf("%s is %v, want that of %s", key, c[key], want)
		}
	}
	for path, want := range map[string]string{"sub/public": "public", "private": hidden} {
		if data, err := os.ReadFile(r.path(path)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
}

func TestTheDummyShowsNoSecret(t *testing.T) {
	r := newRig(t)
	const hidden = "a-password-in-a-secret"
	r.secrets = append(r.secrets, hidden)
	r.poolConfig(`{"workerConfig":{"genericWorker":{"config":{"instanceType":"pool"}}}}`)
	r.secret("worker-pool:proj/linux", `{"config":{"sentryProject":"`+hidden+`"}}`)
	r.file("runner.yml", "provider: {providerType: static, file: "+r.path("provider.hcl")+"}\nworker: {implementation: dummy}\nworkerConfig: {region: here}\n")
	code, s := r.run("")
	var shown map[string]any
	if err := json.Unmarshal([]byte(s.stdout.String()), &shown); err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s\n%s", code, err, s.stdout.String(), s.stderr.String())
	}
	for key, want := range map[string]string{"accessToken": "[redacted]", "certificate": "[redacted]", "sentryProject": "[redacted]", "region": "here", "instanceType": "pool"} {
		if shown[key] != want {
			t.Errorf("%s: %v, want %s", key, shown[key], want)
		}
	}
}

func TestMalformedMessagesAreSurvived(t *testing.T) {
	r := newRig(t)
	var script []string
	lines := []string{
		`~{not_json}`, `~{"type":7}`, `~{}`, `~{"type":"hello","capabilities":7}`, `~{"type":"hello"}`,
		`~{"type":"log"}`, `~{"type":"log","body":[1]}`, `~{"type":"log","body":{}}`,
		`~{"type":"error-report"}`, `~{"type":"error-report","kind":"k","title":"t","description":"d","extra":3}`,
		`~{"type":"no-such-message"}`, `~`, `~{`,
	}
	for _, line := range lines {
		script = append(script, "say:"+line)
	}
	code, s := r.run("mute " + strings.Join(script, " ") + " say:the_end exit:0")
	if code != 0 || !strings.Contains(s.stderr.String(), "the end\n") {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
	for _, want := range []string{"~{not json}\n", "no callback is registered for a message of the worker; type: no-such-message", " {}\n"} {
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, s.stderr.String())
		}
	}
}

func TestAGrandchildDoesNotKeepTheRunner(t *testing.T) {
	r := newRig(t)
	start := time.Now()
	code, s := r.run("grandchild say:last_line exit:0")
	if code != 0 || !strings.Contains(s.stderr.String(), "last line\n") || !strings.Contains(s.stderr.String(), "holds its output open") {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestSignalsAreGracefulTermination(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if signal.Ignored(sig) {
			t.Logf("%v is ignored here, as under nohup, and so by the programs that are started here", sig)
			continue
		}
		r := newRig(t)
		s := r.start("await:welcome say:ready")
		s.until("ready")
		if err := s.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if code := s.wait(); code != 0 {
			t.Errorf("%v: exit %d\n%s", sig, code, s.stderr.String())
		}
		if !strings.Contains(r.inbox(), `~{"type":"graceful-termination","finish-tasks":false}`) {
			t.Errorf("%v: the worker heard %s", sig, r.inbox())
		}
	}
}

func TestStaticMachinesStayOnUnlessTheirConfigSaysOtherwise(t *testing.T) {
	r := newRig(t)
	if code, s := r.run(`say:~{"type":"shutdown"} exit:0`); code != 0 || !strings.Contains(s.stderr.String(), "stays on") {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
	if _, err := os.Stat(r.path("poweroff")); err == nil {
		t.Fatal("the machine was switched off")
	}
	data, err := os.ReadFile(r.path("provider.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	r.file("provider.hcl", strings.Replace(string(data), "{", "{\n  power_off = true", 1))
	if code, s := r.run(`exit:0`); code != 0 {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
	if _, err := os.Stat(r.path("poweroff")); err == nil {
		t.Fatal("the machine was switched off though its worker did not ask")
	}
	if code, s := r.run(`say:~{"type":"shutdown"} exit:68`); code != 0 {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
	if data, err := os.ReadFile(r.path("poweroff")); err != nil || string(data) != "-h now" {
		t.Errorf("shutdown was called with %q, %v", data, err)
	}
}

func TestErrorReportsArrive(t *testing.T) {
	r := newRig(t)
	code, s := r.run(`say:~{"type":"error-report","kind":"worker-error","title":"oh","description":"it_broke","extra":{"a":"b"}} exit:71`)
	if code != 1 {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
	list, err := tcworkermanager.New(r.deployment.Credentials(), r.deployment.RootURL).ListWorkerPoolErrors(pool, "", "", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(list.WorkerPoolErrors) != 1 || list.WorkerPoolErrors[0].Description != "it broke" || !strings.Contains(string(list.WorkerPoolErrors[0].Extra), `"workerId":"worker-1"`) {
		t.Errorf("%+v", list.WorkerPoolErrors)
	}
}

func TestRenewedCredentialsReachTheWorker(t *testing.T) {
	r := newRig(t)
	r.config("cacheOverRestarts: " + r.path("state.json") + "\n")
	r.poolConfig(`{"lifecycle":{"reregistrationTimeout":31}}`) // renewed half a minute before their end
	code, s := r.run("await:new-credentials exit:0")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, s.stderr.String())
	}
	old := r.rendered()
	var told struct {
		ClientID    string `json:"client-id"`
		AccessToken string `json:"access-token"`
		Certificate string
	}
	lines := strings.Split(strings.TrimSpace(r.inbox()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1][1:]), &told); err != nil {
		t.Fatal(err)
	}
	r.secrets = append(r.secrets, told.AccessToken)
	r.scan(s.stderr.String())
	if told.AccessToken == "" || told.AccessToken == old["accessToken"] || told.ClientID != old["clientId"] || told.Certificate == "" {
		t.Errorf("the worker was told %d characters for %s", len(told.AccessToken), told.ClientID)
	}
	// The state holds the newest credentials, also where a public program looks for them.
	data, err := os.ReadFile(r.path("state.json"))
	if err != nil {
		t.Fatal(err)
	}
	var saved struct {
		Credentials  struct{ AccessToken string }
		WorkerConfig struct{ AccessToken string }
	}
	if err := json.Unmarshal(data, &saved); err != nil {
		t.Fatal(err)
	}
	if saved.Credentials.AccessToken != told.AccessToken || saved.WorkerConfig.AccessToken != told.AccessToken {
		t.Error("the state does not hold the newest credentials")
	}
}

// TestRollBack: one machine, one runner config; our programs, then the public ones, then ours.
func TestRollBack(t *testing.T) {
	r := newRig(t)
	r.file("runner.yml", `
provider:
  providerType: static
  rootURL: `+r.deployment.RootURL+`
  providerID: static
  workerPoolID: `+pool+`
  workerGroup: local
  workerID: worker-1
  staticSecret: `+r.worker.Secret+`
worker:
  implementation: generic-worker
  path: fake-worker
  configPath: `+r.path("worker.json")+`
  workerkit: {ours: true}
workerConfig: {ed25519SigningKeyLocation: key}
cacheOverRestarts: `+r.path("state.json")+`
`)
	ours := func() {
		t.Helper()
		if code, s := r.run("exit:0", swaptest.OursEnv+"=1"); code != 0 {
			t.Fatalf("ours: exit %d\n%s", code, s.stderr.String())
		}
		if diff := cmp.Diff(map[string]any{"ours": true}, r.rendered()["workerkit"]); diff != "" {
			t.Error(diff)
		}
	}
	ours()
	t.Setenv(swaptest.ScriptEnv, "await:welcome exit:0")
	result, err := swaptest.Runner{}.Run(t.Context(), r.path("runner.yml"))
	if err != nil || result.Code != 0 {
		t.Errorf("the public programs: exit %d, %v\n%s", result.Code, err, result.Errors)
	}
	ours()
}
