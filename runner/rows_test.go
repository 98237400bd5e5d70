package runner_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/swaptest"
)

// TestRows: what becomes of a machine, with a deployment that keeps the books.
func TestRows(t *testing.T) {
	for _, c := range []struct {
		script                   string
		code, own                int // exit codes on a machine that worker-manager made, and on another one
		removed, reboots, starts int // of the former
	}{
		{"exit:0", 0, 0, 1, 0, 1},
		{"exit:68", 0, 0, 1, 0, 1},
		{`say:~{"type":"shutdown"} exit:70`, 0, 0, 1, 0, 1},
		{"exit:67", 0, 0, 0, 1, 1},
		{"exit:64", 1, 1, 1, 0, 1},
		{"exit:73", 1, 1, 1, 0, 1},
		{"exit:69", 1, 1, 1, 0, 2},
		{"exit:71", 1, 1, 1, 0, 1},
	} {
		for _, ephemeral := range []bool{true, false} {
			t.Run(c.script+map[bool]string{true: " made", false: " own"}[ephemeral], func(t *testing.T) {
				b := newBench(t)
				code, removed := c.own, 0
				if ephemeral {
					b.ephemeral()
					code, removed = c.code, c.removed
				}
				if err := b.run(t.Context(), "say:up "+c.script); runner.ExitCode(err) != code {
					t.Errorf("exit %d, want %d: %v", runner.ExitCode(err), code, err)
				}
				if n := b.calls("removeWorker"); n != removed || b.poweroff != 0 || b.reboots != c.reboots {
					t.Errorf("removed %d times, switched off %d times, booted again %d times", n, b.poweroff, b.reboots)
				}
				if n := strings.Count(b.logged(), "up\n"); n != c.starts {
					t.Errorf("started %d times", n)
				}
				if want := map[bool]int{true: 1, false: 0}[code == 1 && c.script != "exit:71"]; b.calls("reportWorkerError") != want {
					t.Errorf("%d reports, want %d", b.calls("reportWorkerError"), want)
				}
			})
		}
	}
}

// TestAStartThatFails: whatever goes wrong before there is a worker, the machine is taken care of.
func TestAStartThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		change            func(b *bench)
		removed, off, say int // removals, power-offs, reports
		want              string
	}{
		"it leaves already": {func(b *bench) { b.identify(fmt.Errorf("spot: %w", providers.ErrLeaving)) }, 0, 1, 0, "about to be taken away"},
		"nobody knows it":   {func(b *bench) { b.identify(errors.New("no metadata")) }, 0, 0, 0, "no metadata"},
		"its firmware does": {func(b *bench) {
			b.identify(errors.New("no metadata"))
			b.proves = func(providers.Kind) bool { return true }
		}, 0, 1, 0, "no metadata"},
		"it is refused":      {func(b *bench) { b.value("staticSecret", "wrong-secret-wrong-secret-wrong-secret-wrong") }, 0, 1, 0, "could not register worker"},
		"bad config of pool": {func(b *bench) { b.poolConfig(`{"workerConfig":{"genericWorker":{"config":7}}}`) }, 1, 0, 1, "config"},
		"files fail": {func(b *bench) {
			b.poolConfig(`{"workerConfig":{"genericWorker":{"files":[{"path":"/x","encoding":"rot13","format":"file","content":"eA=="}]}}}`)
		}, 1, 0, 1, "rot13"},
		"there is no program": {func(b *bench) { b.config.Worker.Path = b.dir }, 1, 0, 1, "start worker"},
		"nowhere to write":    {func(b *bench) { b.config.Worker.ConfigPath = filepath.Join(b.dir, "no", "worker.json") }, 1, 0, 1, "worker config"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.ephemeral()
			c.change(b)
			err := b.run(t.Context(), "exit:0")
			if runner.ExitCode(err) != 1 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if removed, say := b.calls("removeWorker"), b.calls("reportWorkerError"); removed != c.removed || b.poweroff != c.off || say != c.say {
				t.Errorf("removed %d times, switched off %d times, %d reports\n%s", removed, b.poweroff, say, b.logged())
			}
		})
	}
}

// TestStopsAndDrains: by signal and by command, before and while there is a worker.
func TestStopsAndDrains(t *testing.T) {
	for name, c := range map[string]struct {
		do     func(t *testing.T, r control.Runner, signals chan struct{}, stop func())
		finish string // that the worker heard
	}{
		"a signal to stop":  {func(_ *testing.T, _ control.Runner, _ chan struct{}, stop func()) { stop() }, "false"},
		"a signal to drain": {func(_ *testing.T, _ control.Runner, signals chan struct{}, _ func()) { signals <- struct{}{} }, "true"},
		"a command": {func(t *testing.T, r control.Runner, _ chan struct{}, _ func()) {
			if s := r.Status(); s.State != control.Working || s.WorkerPoolID != pool || s.Provider != "static" || len(s.Phases) < 5 || s.CredentialsExpire.IsZero() {
				t.Errorf("%+v", s)
			}
			if err := r.Drain(t.Context(), true); err != nil {
				t.Error(err)
			}
		}, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.ephemeral()
			d := b.deps()
			defer d.HTTP.CloseIdleConnections()
			signals := make(chan struct{})
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			d.DrainSignals = signals
			served := false
			d.Serve = func(ctx context.Context, r control.Runner) {
				for r.Status().State != control.Working {
					time.Sleep(time.Millisecond)
				}
				c.do(t, r, signals, stop)
				<-ctx.Done()
				served = true
			}
			t.Setenv(swaptest.ScriptEnv, "say:up")
			t.Setenv(swaptest.InboxEnv, filepath.Join(b.dir, "inbox"))
			if err := runner.Run(ctx, b.config, d); err != nil || !served || b.calls("removeWorker") != 1 {
				t.Errorf("%v, served %v, removed %d times", err, served, b.calls("removeWorker"))
			}
			if !strings.Contains(b.inbox(), `"finish-tasks":`+c.finish) {
				t.Errorf("the worker heard %s", b.inbox())
			}
		})
	}
}

// TestADrainBeforeThereIsAWorker: none is started.
func TestADrainBeforeThereIsAWorker(t *testing.T) {
	b := newBench(t)
	b.ephemeral()
	drained := make(chan struct{})
	b.identify(nil)
	b.identifies = drained
	d := b.deps()
	defer d.HTTP.CloseIdleConnections()
	d.Serve = func(_ context.Context, r control.Runner) {
		if err := r.Drain(t.Context(), false); err != nil {
			t.Error(err)
		}
		close(drained)
	}
	if err := runner.Run(t.Context(), b.config, d); err != nil || b.calls("removeWorker") != 1 || strings.Contains(b.logged(), "the worker has ended") {
		t.Errorf("%v\n%s", err, b.logged())
	}
}
