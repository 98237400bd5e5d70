package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/policy"
	"github.com/workerkit/workerkit/runner/swaptest"
)

func TestAStaticMachineRegistersAtEachStart(t *testing.T) {
	b := newBench(t)
	b.poolConfig(`{"workerConfig":{"genericWorker":{"config":{"workerTypeMetadata":{"list":["pool"]}}}}}`)
	path := b.state()
	var tokens []any
	for range 2 {
		if err := b.run(t.Context(), "exit:0"); err != nil {
			t.Fatal(err)
		}
		c := b.rendered()
		tokens = append(tokens, c["accessToken"])
		// The layers are merged anew each time: nothing is doubled, the order stays.
		if diff := cmp.Diff(map[string]any{"list": []any{"file", "pool"}}, c["workerTypeMetadata"]); diff != "" {
			t.Error(diff)
		}
	}
	if tokens[0] == tokens[1] || b.calls("registerWorker") != 2 || b.calls("removeWorker") != 0 || b.poweroff != 0 {
		t.Errorf("%d registrations, %d removals", b.calls("registerWorker"), b.calls("removeWorker"))
	}
	saved, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(saved), `"BootID":"this-boot"`) {
		t.Errorf("the state does not say which boot it is of: %v", err)
	}
}

func TestAStaticMachineGoesOnWithItsStateWhileNobodyAnswers(t *testing.T) {
	b := newBench(t)
	b.poolConfig(`{"workerConfig":{"genericWorker":{"config":{"workerTypeMetadata":{"list":["pool"]}}}}}`)
	b.state()
	if err := b.run(t.Context(), "exit:0"); err != nil {
		t.Fatal(err)
	}
	before := b.rendered()
	b.deployment.Stop(t)
	if err := b.run(t.Context(), "exit:0"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, b.rendered()); diff != "" {
		t.Error(diff)
	}
	b.expectLog("WARNING: Taskcluster does not answer; going on with the state of the last start")
}

// TestPatienceAfterAStartWithState: that there was state to fall back to makes the runner
// impatient only until it has registered.
func TestPatienceAfterAStartWithState(t *testing.T) {
	b := newBench(t)
	b.state()
	if err := b.run(t.Context(), "exit:0"); err != nil {
		t.Fatal(err)
	}
	b.fail = "/worker-pool-errors/"
	_ = b.run(t.Context(), `say:~{"type":"error-report","kind":"k","title":"t","description":"d","extra":{}} exit:0`)
	b.expectLog("WARNING: Taskcluster does not answer; trying again; error: workerManager.reportWorkerError")
	if n := b.calls("reportWorkerError"); n != 1 || strings.Contains(b.logged(), "was not delivered") {
		t.Errorf("%d reports; log:\n%s", n, b.logged())
	}
}

// TestAnEphemeralMachineThatEndsBeforeItHasItsSecrets goes on where it stopped: it cannot
// register again.
func TestAnEphemeralMachineThatEndsBeforeItHasItsSecrets(t *testing.T) {
	b := newBench(t)
	b.ephemeral()
	b.state()
	path := filepath.Join(b.dir, "delivered")
	b.poolConfig(`{"workerConfig":{"genericWorker":{"config":{"workerTypeMetadata":{"list":["pool"]}},"files":[{"path":` + strconv.Quote(path) + `,"encoding":"base64","format":"file","content":"eA=="}]}}}`)
	b.fail = "/secret/"
	d := b.deps()
	d.Patience = time.Nanosecond
	b.config.Policy[policy.Broken] = policy.Rule{Release: policy.Keep, Exit: 1} // as when the power fails
	if err := runner.Run(t.Context(), b.config, d); err == nil {
		t.Fatal("secrets that cannot be fetched do no harm")
	}
	d.HTTP.CloseIdleConnections()
	b.fail = ""
	if err := b.run(t.Context(), "exit:67"); err != nil { // 67: it is not removed
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "x" {
		t.Errorf("delivered %q, %v", data, err)
	}
	if n := b.calls("registerWorker"); n != 1 {
		t.Errorf("%d registrations", n)
	}
	if diff := cmp.Diff(map[string]any{"list": []any{"file", "pool"}}, b.rendered()["workerTypeMetadata"]); diff != "" {
		t.Error(diff)
	}
	asked := b.calls("get")
	if asked == 0 {
		t.Error("no secrets were asked for")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_ = b.run(t.Context(), "exit:67") // nothing is due any longer
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || b.calls("get") != asked {
		t.Errorf("written again: %v; %d secrets asked for, %d before", err, b.calls("get"), asked)
	}
}

// TestThePublicFormOfTheState: a machine whose last start was by the public programs.
func TestThePublicFormOfTheState(t *testing.T) {
	b := newBench(t)
	b.poolConfig(`{"workerConfig":{"genericWorker":{"config":{"workerTypeMetadata":{"list":["pool"]}}}}}`)
	path := b.state()
	if err := b.run(t.Context(), "exit:0"); err != nil {
		t.Fatal(err)
	}
	before := b.rendered()
	edit(t, path, func(form map[string]any) { delete(form, "Workerkit") })
	b.deployment.Stop(t)
	if err := b.run(t.Context(), "exit:0"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, b.rendered()); diff != "" {
		t.Error(diff)
	}
}

func TestStateThatCannotBeUsed(t *testing.T) {
	for name, change := range map[string]func(form map[string]any){
		"another machine's": func(form map[string]any) { form["WorkerID"] = "somebody-else" },
		"expired":           func(form map[string]any) { form["CredentialsExpire"] = "2020-01-01T00:00:00.000Z" },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			path := b.state()
			if err := b.run(t.Context(), "exit:0"); err != nil {
				t.Fatal(err)
			}
			edit(t, path, change)
			if err := b.run(t.Context(), "exit:0"); err != nil || b.calls("registerWorker") != 2 {
				t.Fatalf("%v, %d registrations", err, b.calls("registerWorker"))
			}
			b.deployment.Stop(t) // what the second run saved is good again
			if err := b.run(t.Context(), "exit:0"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestNobodyAnswersAndThereIsNoState(t *testing.T) {
	b := newBench(t)
	b.deployment.Stop(t)
	begin := time.Now()
	err := b.run(t.Context(), "exit:0")
	if err == nil || !strings.Contains(err.Error(), "could not register worker: workerManager.registerWorker: ") {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	if n := strings.Count(b.logged(), "Taskcluster does not answer; trying again"); n != 1 {
		t.Errorf("said %d times within a minute", n)
	}
}

func TestAnEphemeralMachineThatCannotBeRemovedIsSwitchedOff(t *testing.T) {
	b := newBench(t)
	b.ephemeral()
	b.t.Setenv("SWAPTEST_SCRIPT", "say:up await:graceful-termination exit:0")
	notices := make(chan providers.Notice)
	b.watchOn(notices)
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(t.Context(), b.config, b.deps()) }()
	for !strings.Contains(b.logged(), "up\n") {
		time.Sleep(time.Millisecond)
	}
	b.deployment.Stop(t)
	notices <- providers.Notice{Kind: providers.Termination}
	if err := <-ended; err != nil || b.poweroff != 1 {
		t.Errorf("%v, switched off %d times", err, b.poweroff)
	}
	b.expectLog("ERROR: the worker could not be removed; switching the machine off")
}

func TestAnEphemeralMachineGoesOnWithItsState(t *testing.T) {
	b := newBench(t)
	b.ephemeral()
	path := b.state()
	if err := b.run(t.Context(), "exit:67"); err != nil { // not removed
		t.Fatal(err)
	}
	before := b.rendered()
	if err := b.run(t.Context(), "exit:67"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, b.rendered()); diff != "" || b.calls("registerWorker") != 1 {
		t.Errorf("%d registrations, %s", b.calls("registerWorker"), diff)
	}
	expired := func(form map[string]any) { form["CredentialsExpire"] = "1999-01-01T00:00:00.000Z" }
	edit(t, path, expired)
	if err := b.run(t.Context(), "exit:67"); err != nil || b.calls("reregisterWorker") != 1 { // worker-manager still takes the secret
		t.Errorf("%v, %d renewals", err, b.calls("reregisterWorker"))
	}
	if diff := cmp.Diff(before, b.rendered(), cmpopts.IgnoreMapEntries(func(key string, _ any) bool { return key == "accessToken" || key == "certificate" })); diff != "" {
		t.Error(diff)
	}
	edit(t, path, func(form map[string]any) { expired(form); form["RegistrationSecret"] = "" })
	if err := b.run(t.Context(), "exit:0"); runner.ExitCode(err) != 1 || !strings.Contains(err.Error(), "have expired") {
		t.Errorf("%v", err)
	}
	if b.poweroff+b.calls("removeWorker") != 1 {
		t.Error("the machine is left running")
	}
}

// edit changes a JSON file.
func edit(t *testing.T, path string, change func(form map[string]any)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var form map[string]any
	if err := json.Unmarshal(data, &form); err != nil {
		t.Fatal(err)
	}
	change(form)
	if data, err = json.Marshal(form); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNotices(t *testing.T) {
	deadline := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	b := newBench(t)
	notices := make(chan providers.Notice)
	b.watchOn(notices)
	t.Setenv(swaptest.ScriptEnv, "say:up")
	t.Setenv(swaptest.InboxEnv, filepath.Join(b.dir, "inbox"))
	d := b.deps()
	defer d.HTTP.CloseIdleConnections()
	d.Serve = func(_ context.Context, r control.Runner) {
		for r.Status().State != control.Working {
			time.Sleep(time.Millisecond)
		}
		notices <- providers.Notice{Kind: providers.Advice, Reason: "rebalance"}
		notices <- providers.Notice{Kind: providers.Termination, Reason: "spot", Deadline: deadline}
	}
	if err := runner.Run(t.Context(), b.config, d); err != nil {
		t.Errorf("%v", err)
	}
	b.expectLog("exit status 72", "drains: false; reason: rebalance", "deadline: 2030-01-02T03:04:05Z; drains: true; reason: spot")
	const message = `~{"type":"graceful-termination","finish-tasks":false,"deadline":"2030-01-02T03:04:05Z"}`
	if strings.Count(b.inbox(), message) != 1 || strings.Count(b.inbox(), "graceful-termination\",\"finish") != 1 {
		t.Errorf("the worker heard %s", b.inbox())
	}
}

func TestAWorkerThatTakesNoNoticeIsKilled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the script of this test uses signals")
	}
	b := newBench(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	d := b.deps()
	d.Grace = 300 * time.Millisecond
	t.Setenv("SWAPTEST_SCRIPT", "say:up deaf")
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx, b.config, d) }()
	for !strings.Contains(b.logged(), "up\n") {
		time.Sleep(time.Millisecond)
	}
	cancel(errors.New("a test says so"))
	if err := <-ended; err != nil {
		t.Errorf("%v", err)
	}
	b.expectLog("end: signal: killed", "stopping the worker; cause: a test says so")
}

func TestCredentialsThatCannotBeRenewedEndTheWork(t *testing.T) {
	b := newBench(t)
	b.poolConfig(`{"lifecycle":{"reregistrationTimeout":32}}`) // renewed two seconds after the start, at the latest
	ended := make(chan error, 1)
	b.t.Setenv("SWAPTEST_SCRIPT", "say:up")
	go func() { ended <- runner.Run(t.Context(), b.config, b.deps()) }()
	for !strings.Contains(b.logged(), "up\n") {
		time.Sleep(time.Millisecond)
	}
	b.deployment.Stop(t)
	var failed *runner.WorkerError
	if err := <-ended; !errors.As(err, &failed) || failed.End.Code != 72 || failed.Code != 1 {
		t.Errorf("%v", err)
	}
	b.expectLog("ERROR: the worker must end; error: the worker's credentials could not be renewed in time")
}

func TestMistakesInThePoolAreNamed(t *testing.T) {
	b := newBench(t)
	b.poolConfig(`{"workerConfig":{"genericWorker":{"config":{}},"smoke":true}}`)
	if err := b.run(t.Context(), "exit:0"); err != nil { // the strict stand-in would refuse the key
		t.Fatal(err)
	}
	b.expectLog("smoke beside genericWorker is left out")

	b.poolConfig(`{"workerConfig":{"genericWorker":{"files":[{"path":"/x","encoding":"rot13","format":"file","content":"eA=="}]}}}`)
	if err := b.run(t.Context(), "exit:0"); err == nil || !strings.Contains(err.Error(), `file /x: unknown encoding "rot13"`) {
		t.Errorf("%v", err)
	}
}
