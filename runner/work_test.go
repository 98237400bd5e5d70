package runner

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/policy"
	"github.com/workerkit/workerkit/runner/register"
	"github.com/workerkit/workerkit/runner/swaptest"
)

// script makes the desk's worker a real process that follows the script. In a bubble it must end
// by itself: the bubble's time stands still while a process runs.
func (d *desk) script(t *testing.T, script string) {
	t.Helper()
	t.Setenv(swaptest.ScriptEnv, script)
	t.Setenv(swaptest.InboxEnv, filepath.Join(t.TempDir(), "inbox"))
	d.config.Worker.Path = swaptest.Program(t)
	d.ours.path = d.config.Worker.Path
	d.config.WorkerConfig = map[string]any{"ed25519SigningKeyLocation": "key"}
	d.identity = providers.Identity{RootURL: "https://tc.example.com", WorkerPoolID: "proj/linux", WorkerGroup: "g", WorkerID: "w", Location: map[string]string{"cloud": "test"}}
}

func (d *desk) token(t *testing.T) any {
	t.Helper()
	data, err := os.ReadFile(d.config.Worker.ConfigPath)
	var c map[string]any
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c["accessToken"]
}

// nothing is a provider that gives no notices.
type nothing struct{ providers.Provider }

// TestWorkersAndTheirRows runs workers to their end, all in one test for they share a process's
// environment.
func TestWorkersAndTheirRows(t *testing.T) {
	for _, c := range []struct {
		script   string
		row      policy.Row
		leaves   bool
		restarts int
	}{
		{"exit:0", policy.Finished, false, 0},
		{"exit:70", policy.Finished, false, 0},
		{"exit:67", policy.Reboot, false, 0},
		{"exit:78", policy.Broken, false, 0},
		{"exit:71", policy.Interrupted, false, 0},
		{"exit:69", policy.Broken, false, 3},
		{`say:~{"type":"shutdown"} exit:69`, policy.Crashed, true, 0},
		{`say:~{"type":"shutdown"} exit:67`, policy.Reboot, false, 0},
	} {
		t.Run(c.script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, true)
				d.script(t, c.script)
				begin := time.Now()
				e := d.work(t.Context(), nothing{}, d.machine)
				if e.row != c.row || e.leaves != c.leaves || e.worker == nil {
					t.Errorf("%+v\n%s", e, d.logged())
				}
				if n := d.board.status().Restarts; n != c.restarts {
					t.Errorf("%d restarts, want %d", n, c.restarts)
				}
				most := time.Minute
				if c.restarts > 0 {
					most = 5 * time.Minute
				}
				if took := time.Since(begin); took > most {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// TestRestartsOfAnyRow: the config may give them to each.
func TestRestartsOfAnyRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, true)
		d.script(t, "exit:71")
		d.config.Policy[policy.Interrupted] = ruleOf(2, time.Hour, time.Second)
		e := d.work(t.Context(), nothing{}, d.machine)
		if n := d.board.status().Restarts; e.row != policy.Broken || n != 2 || !strings.Contains(e.err.Error(), "too often: last as interrupted") {
			t.Errorf("%+v after %d restarts", e, n)
		}
	})
}

// TestAWorkerThatWaitsForTheMachineToGo: one that has asked for it, and does not end, is told to.
func TestAWorkerThatWaitsForTheMachineToGo(t *testing.T) {
	d := newDesk(t, true)
	d.script(t, `say:~{"type":"shutdown"} await:graceful-termination exit:68`)
	if e := d.work(t.Context(), nothing{}, d.machine); e.row != policy.Finished || !e.asked || !e.leaves {
		t.Errorf("%+v\n%s", e, d.logged())
	}
}

func TestAWorkerThatAKillerEnds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the worker of this test is a shell script")
	}
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, true)
		d.script(t, "")
		d.config.Worker.Path = filepath.Join(t.TempDir(), "worker")
		if err := os.WriteFile(d.config.Worker.Path, []byte("#!/bin/sh\nkill -9 $$\n"), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		e := d.work(t.Context(), nothing{}, d.machine)
		if e.row != policy.Broken || e.worker.Code != -1 || d.board.status().Restarts != 3 {
			t.Errorf("%+v", e)
		}
	})
}

// TestACrashedWorkerComesBackWithTheNewestCredentials: they are renewed while the restart waits.
func TestACrashedWorkerComesBackWithTheNewestCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, true)
		d.script(t, "exit:69")
		d.config.Policy[policy.Crashed] = ruleOf(1, time.Hour, 20*time.Minute)
		d.refuses["reregister"] = replyWith(`{"expires":"2030-01-01T00:00:00Z","secret":"s-2","credentials":{"clientId":"w","accessToken":"token-2","certificate":"{\"version\":1,\"scopes\":[],\"start\":1,\"expiry\":2,\"seed\":\"\",\"signature\":\"\"}"}}`)
		d.machine.session = register.Resume(register.Options{
			Client: d.client, Identity: d.identity, Log: d.runner.log,
		}, nil, tc.Registration{Credentials: token("token-1"), Expires: time.Now().Add(10 * time.Minute)})
		time.AfterFunc(time.Minute, func() {
			if got := d.token(t); got != "token-1" {
				t.Errorf("the first worker has %v", got)
			}
		})
		e := d.work(t.Context(), nothing{}, d.machine)
		if got := d.token(t); e.row != policy.Broken || got != "token-2" {
			t.Errorf("%+v, the second worker has %v\n%s", e, got, d.logged())
		}
	})
}

// TestTheEndWhileARestartWaits: nobody waits for a worker that is not to be started.
func TestTheEndWhileARestartWaits(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, d *desk, p *place, stop func())
		want policy.Row
		err  error
	}{
		"a signal": {func(_ *testing.T, _ *desk, _ *place, stop func()) { stop() }, policy.Stopped, nil},
		"a notice": {func(_ *testing.T, _ *desk, p *place, _ func()) {
			p.says <- providers.Notice{Kind: providers.Termination}
		}, policy.Finished, nil},
		"a command": {func(t *testing.T, d *desk, _ *place, _ func()) {
			if err := (front{d.runner}).Drain(t.Context(), true); err != nil {
				t.Error(err)
			}
		}, policy.Finished, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, p := newDesk(t, true), &place{says: make(chan any)}
				d.script(t, "exit:69")
				d.config.Policy[policy.Crashed] = ruleOf(1, time.Hour, 40*time.Minute)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				time.AfterFunc(time.Minute, func() { c.do(t, d, p, stop) })
				begin := time.Now()
				e := d.work(ctx, p, d.machine)
				if took := time.Since(begin); e.row != c.want || took != time.Minute || !errors.Is(e.err, c.err) {
					t.Errorf("%+v after %v\n%s", e, took, d.logged())
				}
			})
		})
	}
}

// TestCredentialsThatCannotBeRenewed end the work, on either machine with an exit code that
// makes somebody look, and are reported.
func TestCredentialsThatCannotBeRenewed(t *testing.T) {
	for _, ephemeral := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, ephemeral)
			d.script(t, "exit:69")
			d.config.Policy[policy.Crashed] = ruleOf(1, time.Hour, time.Hour)
			d.refuses["reregister"] = refused
			d.machine.session = register.Resume(register.Options{Client: d.client, Identity: d.identity, Log: d.runner.log},
				nil, tc.Registration{Credentials: token("token-1"), Expires: time.Now().Add(10 * time.Minute)})
			e := d.work(t.Context(), nothing{}, d.machine)
			if !errors.Is(e.err, register.ErrExpired) || e.row != policy.Finished || d.acts() != "report" {
				t.Errorf("%+v, did %q", e, d.acts())
			}
			err := d.settle(t.Context(), d.machine, e)
			if want := map[bool]string{true: "report remove", false: "report"}[ephemeral]; d.acts() != want || ExitCode(err) != 1 {
				t.Errorf("did %q, %v", d.acts(), err)
			}
		})
	}
}

func TestPhasesAndStates(t *testing.T) {
	d := newDesk(t, true)
	d.script(t, "say:up await:graceful-termination exit:72")
	ended := make(chan ending)
	go func() { ended <- d.work(t.Context(), nothing{}, d.machine) }()
	for d.board.status().State != control.Working {
		time.Sleep(time.Millisecond)
	}
	s := front{d.runner}.Status()
	if s.WorkerPID == 0 || len(s.Phases) != 3 || s.Version == "" {
		t.Errorf("%+v", s)
	}
	if err := (front{d.runner}).Drain(t.Context(), false); err != nil {
		t.Error(err)
	}
	if s := d.board.status().State; s != control.Draining {
		t.Errorf("%s after a drain", s)
	}
	if e := <-ended; e.row != policy.Finished || d.board.status().WorkerPID != 0 {
		t.Errorf("%+v", e)
	}
	for _, phase := range []string{"render", "launch", "hello"} {
		if !strings.Contains(d.logged(), phase+"=") {
			t.Errorf("no %s in %s", phase, d.logged())
		}
	}
}

// TestAWorkerThatSaysNoHello is killed and counts as crashed.
func TestAWorkerThatSaysNoHello(t *testing.T) {
	d := newDesk(t, true)
	d.script(t, "mute say:up")
	d.deps.HelloWithin = 200 * time.Millisecond
	d.config.Policy[policy.Crashed] = ruleOf(2, time.Hour, time.Millisecond)
	e := d.work(t.Context(), nothing{}, d.machine)
	if n := strings.Count(d.logged(), "the worker has not said hello; killing it"); e.row != policy.Broken || n != 3 || d.board.status().Restarts != 2 {
		t.Errorf("%+v, killed %d times\n%s", e, n, d.logged())
	}
}

// TestARebootThatStopsTheRunner: a worker that wants the machine to boot again may do so itself,
// and the machine's shutdown stops us before the worker has ended.
func TestARebootThatStopsTheRunner(t *testing.T) {
	d := newDesk(t, true)
	d.script(t, "say:up await:graceful-termination exit:67")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan ending)
	go func() { ended <- d.work(ctx, nothing{}, d.machine) }()
	for d.board.status().State != control.Working {
		time.Sleep(time.Millisecond)
	}
	stop()
	if e := <-ended; e.row != policy.Reboot {
		t.Errorf("%+v", e)
	}
}
